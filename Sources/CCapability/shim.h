/* libcap: capability sets, bounding set and ambient set (libcap(3)). */
#include <sys/capability.h>

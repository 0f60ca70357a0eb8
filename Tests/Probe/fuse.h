#ifndef PROBE_FUSE_H
#define PROBE_FUSE_H

/* See fuse.c. */
int fuse_hang(const char *directory, char **words);

#endif

/* The C shim of apus: what Swift cannot say. No policy lives here. */
#ifndef CAPUS_H
#define CAPUS_H
#include <stdint.h>

#include "arena.h"
#include "board.h"
#include "cgroup.h"
#include "changes.h"
#include "child.h"
#include "client.h"
#include "closer.h"
#include "control.h"
#include "filter.h"
#include "idle.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "record.h"
#include "store.h"
#include "tree.h"
#endif

/* Preloaded into a process, it fails one file operation under one folder, the Nth, once: as a full disk, a disk that
   breaks, or a lock that somebody else holds. Everything else passes through, so Python's files and SQLite's alike meet
   a real error where it really comes from. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char under[4096];
static long strike_at = -1;
static long counted = 0;
static char struck[4352] = "";

/* kinds: 1 what needs room on the disk, 2 what needs a disk that works, 4 a lock */
static int watched_kinds = 0;

void failing_arm(const char *folder, int kinds, long nth) {
    snprintf(under, sizeof under, "%s", folder);
    watched_kinds = kinds;
    strike_at = nth;
    counted = 0;
    struck[0] = 0;
}
long failing_counted(void) { return counted; }
const char *failing_struck(void) { return struck; }

static int strikes(int kind, const char *what, const char *path) {
    if (!(watched_kinds & kind) || !under[0] || strncmp(path, under, strlen(under)) != 0) return 0;
    if (++counted != strike_at) return 0;
    snprintf(struck, sizeof struck, "%s %s", what, path + strlen(under));
    errno = kind == 1 ? ENOSPC : kind == 2 ? EIO : EAGAIN;
    return 1;
}

static int strikes_fd(int kind, const char *what, int fd) {
    if (!(watched_kinds & kind) || !under[0]) return 0;
    char link[64], path[4096];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0) return 0;
    path[length] = 0;
    return strikes(kind, what, path);
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

ssize_t write(int fd, const void *data, size_t size) {
    return strikes_fd(1, "write", fd) ? -1 : REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return strikes_fd(1, "write", fd) ? -1 : REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return strikes_fd(1, "write", fd) ? -1 : REAL(pwrite64)(fd, data, size, at);
}
int ftruncate(int fd, off_t size) { return strikes_fd(1, "truncate", fd) ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return strikes_fd(1, "truncate", fd) ? -1 : REAL(ftruncate64)(fd, size); }
int fsync(int fd) { return strikes_fd(2, "fsync", fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return strikes_fd(2, "fsync", fd) ? -1 : REAL(fdatasync)(fd); }
int rename(const char *from, const char *to) { return strikes(1, "rename", to) ? -1 : REAL(rename)(from, to); }
int mkdir(const char *path, mode_t mode) { return strikes(1, "mkdir", path) ? -1 : REAL(mkdir)(path, mode); }

static int creates(int flags) { return (flags & O_CREAT) != 0; }

#define OPENING(name)                                                                                     \
    int name(const char *path, int flags, ...) {                                                          \
        va_list rest;                                                                                     \
        va_start(rest, flags);                                                                            \
        mode_t mode = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                                     \
        if (creates(flags) && strikes(1, "create", path)) return -1;                                      \
        return REAL(name)(path, flags, mode);                                                             \
    }
OPENING(open)
OPENING(open64)

#define LOCKING(name)                                                                                     \
    int name(int fd, int command, ...) {                                                                  \
        va_list rest;                                                                                     \
        va_start(rest, command);                                                                          \
        void *argument = va_arg(rest, void *);                                                            \
        va_end(rest);                                                                                     \
        if (command == F_SETLK && strikes_fd(4, "lock", fd)) return -1;                                   \
        return REAL(name)(fd, command, argument);                                                         \
    }
LOCKING(fcntl)
LOCKING(fcntl64)

/* Stands between a program and its files, by LD_PRELOAD: records what the program does to the files under a directory,
 * in order, and fails calls as it is told.
 *
 *   DISK_ROOT     the directory, an absolute path without links
 *   DISK_JOURNAL  where records go: op (1 byte), fd (4), a number (8), two lengths (4 each), the bytes of both
 *   DISK_FAULT    "write:17:5": the 17th write fails with errno 5; "sync:…" and "name:…" likewise
 *   DISK_FULL     a path: while there is a file, no file grows (ENOSPC)
 *   DISK_BROKEN   a path: while there is a file, no sync succeeds (EIO)
 *   DISK_KILL     a path: once there is a file with a number, the program is killed before so many more calls
 *
 * A call and its record are one under a lock, so that the order of records is the order of effects. A call that failed
 * is not recorded, but for the one that was made to fail. Files named "acks" are recorded and never fail.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDS = 4096 };
enum op { OPEN = 1, CLOSE, WRITE, TRUNCATE, SYNC, RENAME, LINK, UNLINK, MKDIR, FAULT };
enum class { WRITES, SYNCS, NAMES, CLASSES };

static const char *const CLASS_NAMES[CLASSES] = {"write", "sync", "name"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* 0: not below the root; 1: below it; 2: below it, and never failed. */
static char watched[FDS];
static const char *root, *full, *broken, *killer;
static size_t root_length;
static int journal = -1;
static enum class fault_class = CLASSES;
static long fault_at, fault_errno, calls[CLASSES];

__attribute__((constructor)) static void begin(void) {
    root = getenv("DISK_ROOT");
    full = getenv("DISK_FULL");
    broken = getenv("DISK_BROKEN");
    killer = getenv("DISK_KILL");
    root_length = root ? strlen(root) : 0;
    const char *path = getenv("DISK_JOURNAL"), *fault = getenv("DISK_FAULT");
    if (path) journal = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (int class = 0; fault && class < CLASSES; class++) {
        size_t length = strlen(CLASS_NAMES[class]);
        if (strncmp(fault, CLASS_NAMES[class], length) || fault[length] != ':') continue;
        char *rest;
        fault_class = class;
        fault_at = strtol(fault + length + 1, &rest, 10);
        fault_errno = *rest == ':' ? strtol(rest + 1, NULL, 10) : EIO;
    }
    /* What this program starts is not watched. */
    unsetenv("LD_PRELOAD");
}

static void put(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        long put = syscall(SYS_write, journal, at, length);
        if (put <= 0) abort();
        at += put;
        length -= put;
    }
}

static void record(enum op op, int fd, uint64_t number, const void *one, size_t one_length, const char *two) {
    if (journal < 0) return;
    char head[21];
    uint32_t of_fd = fd, lengths[2] = {one_length, two ? strlen(two) : 0};
    head[0] = op;
    memcpy(head + 1, &of_fd, 4);
    memcpy(head + 5, &number, 8);
    memcpy(head + 13, lengths, 8);
    put(head, sizeof head);
    put(one, one_length);
    put(two, lengths[1]);
}

static int below(const char *path) {
    if (!root || !path || strncmp(path, root, root_length)) return 0;
    return path[root_length] == '/' || !path[root_length];
}

static int is_watched(int fd) { return fd >= 0 && fd < FDS && watched[fd]; }

static int is_there(const char *path) { return path && !syscall(SYS_faccessat, AT_FDCWD, path, F_OK); }

/* Ends the program where this call was to be its last but one. */
static void count_down(void) {
    static long left = -1;
    if (left < 0 && is_there(killer)) {
        char number[20] = {0};
        int fd = syscall(SYS_openat, AT_FDCWD, killer, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && syscall(SYS_read, fd, number, sizeof number - 1) > 0) left = strtol(number, NULL, 10);
        if (fd >= 0) syscall(SYS_close, fd);
    }
    if (left >= 0 && left-- == 0) kill(getpid(), SIGKILL);
}

/* Whether this call is the one to fail. */
static int fails(enum class class, int fd, const char *path) {
    count_down();
    if (fd >= 0 && watched[fd] == 2) return 0;
    if (class != fault_class || ++calls[class] != fault_at) return 0;
    record(FAULT, fd, fault_errno, path ? path : "", path ? strlen(path) : 0, NULL);
    errno = fault_errno;
    return 1;
}

/* Whether the disk has no room for a file to end there. */
static int is_full(int fd, off_t end) {
    struct stat found;
    if (watched[fd] == 2 || !is_there(full)) return 0;
    if (fstat(fd, &found) || end <= found.st_size) return 0;
    errno = ENOSPC;
    return 1;
}

#define REAL(name, type) ((type)(real_##name ? real_##name : (real_##name = dlsym(RTLD_NEXT, #name))))

static int open_watched(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    if (!below(path)) return real(path, flags, mode);
    pthread_mutex_lock(&lock);
    int fd = real(path, flags, mode);
    if (fd >= 0 && fd < FDS) {
        const char *name = strrchr(path, '/');
        watched[fd] = strcmp(name, "/acks") ? 1 : 2;
        record(OPEN, fd, flags & (O_CREAT | O_TRUNC), path, strlen(path), NULL);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN_LIKE(name)                                                               \
    int name(const char *path, int flags, ...) {                                      \
        static void *real_##name;                                                     \
        va_list more;                                                                 \
        va_start(more, flags);                                                        \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;       \
        va_end(more);                                                                 \
        return open_watched(REAL(name, int (*)(const char *, int, ...)), path, flags, mode); \
    }
OPEN_LIKE(open)
OPEN_LIKE(open64)

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (is_watched(fd)) {
        record(CLOSE, fd, 0, NULL, 0, NULL);
        watched[fd] = 0;
    }
    int result = syscall(SYS_close, fd);
    pthread_mutex_unlock(&lock);
    return result;
}

static ssize_t write_watched(int fd, const void *bytes, size_t length, off_t at) {
    ssize_t result = -1;
    pthread_mutex_lock(&lock);
    if (!fails(WRITES, fd, NULL) && !is_full(fd, at + (off_t)length)) {
        result = syscall(SYS_pwrite64, fd, bytes, length, at);
        if (result > 0) record(WRITE, fd, at, bytes, result, NULL);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    if (!is_watched(fd)) return syscall(SYS_pwrite64, fd, bytes, length, at);
    return write_watched(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return pwrite(fd, bytes, length, at); }

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!is_watched(fd)) return syscall(SYS_write, fd, bytes, length);
    int flags = fcntl(fd, F_GETFL);
    /* Nobody else uses this descriptor at the same time: not SQLite, and not std::fs::File behind &mut. */
    off_t at = lseek(fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
    ssize_t result = write_watched(fd, bytes, length, at);
    if (result > 0) lseek(fd, at + result, SEEK_SET);
    return result;
}

int ftruncate(int fd, off_t length) {
    if (!is_watched(fd)) return syscall(SYS_ftruncate, fd, length);
    int result = -1;
    pthread_mutex_lock(&lock);
    if (!fails(WRITES, fd, NULL) && !is_full(fd, length)) {
        result = syscall(SYS_ftruncate, fd, length);
        if (!result) record(TRUNCATE, fd, length, NULL, 0, NULL);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int sync_watched(int number, int fd) {
    if (!is_watched(fd)) return syscall(number, fd);
    int result = -1;
    pthread_mutex_lock(&lock);
    if (watched[fd] == 1 && is_there(broken)) {
        errno = EIO;
    } else if (!fails(SYNCS, fd, NULL)) {
        result = syscall(number, fd);
        if (!result) record(SYNC, fd, 0, NULL, 0, NULL);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) { return sync_watched(SYS_fsync, fd); }

int fdatasync(int fd) { return sync_watched(SYS_fdatasync, fd); }

static int name_watched(enum op op, const char *one, const char *two, int flags) {
    int result = -1;
    pthread_mutex_lock(&lock);
    if (!(below(one) && fails(NAMES, -1, one))) {
        switch (op) {
        case RENAME: result = syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, two, 0); break;
        case LINK: result = syscall(SYS_linkat, AT_FDCWD, one, AT_FDCWD, two, flags); break;
        case UNLINK: result = syscall(SYS_unlinkat, AT_FDCWD, one, 0); break;
        case MKDIR: result = syscall(SYS_mkdirat, AT_FDCWD, one, flags); break;
        default: abort();
        }
        if (!result && below(one)) record(op, -1, 0, one, strlen(one), two);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to) { return name_watched(RENAME, from, to, 0); }

int link(const char *from, const char *to) { return name_watched(LINK, from, to, 0); }

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    if (!below(from)) return syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    return name_watched(LINK, from, to, flags);
}

int unlink(const char *path) { return name_watched(UNLINK, path, NULL, 0); }

int mkdir(const char *path, mode_t mode) { return name_watched(MKDIR, path, NULL, mode); }

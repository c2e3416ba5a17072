/* Stands between a process and the system: counts chosen calls, and at the k-th kills the process or makes the call fail.
 * Loaded with LD_PRELOAD; armed by the process itself (shim_arm). Linux, glibc. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { COUNT = 0, KILL_BEFORE, KILL_AFTER, FAIL, FAIL_ON };
enum {
    PWRITE = 1 << 0, WRITE = 1 << 1, FDATASYNC = 1 << 2, FSYNC = 1 << 3, TRUNCATE = 1 << 4, CREATE = 1 << 5, RENAME = 1 << 6,
    UNLINK = 1 << 7, MAP = 1 << 8, ALLOCATE = 1 << 9, SEND = 1 << 10
};

static unsigned mask;
static long at, seen;
static int action, fault, exempt = -1;

void shim_arm(unsigned calls, long k, int what, int error, int ignored) {
    __atomic_store_n(&mask, 0, __ATOMIC_SEQ_CST);
    at = k;
    action = what;
    fault = error;
    exempt = ignored;
    __atomic_store_n(&seen, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&mask, calls, __ATOMIC_SEQ_CST);
}

long shim_seen(void) { return __atomic_load_n(&seen, __ATOMIC_SEQ_CST); }

static void die(void) {
    syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGKILL);
    for (;;) sleep(1);
}

/* What is to become of this call: 0, KILL_AFTER, or FAIL. */
static int met(unsigned call, int fd) {
    long number;
    if (!(__atomic_load_n(&mask, __ATOMIC_SEQ_CST) & call) || (fd >= 0 && fd == exempt)) return 0;
    number = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
    if (action == FAIL_ON ? number < at : number != at) return 0;
    if (action == KILL_BEFORE) die();
    return action == FAIL_ON ? FAIL : action;
}

/* Does a write need no new space? A full disk takes it then. */
static int fits(int fd, size_t size, off_t where) {
    struct stat info;
    return (fault == ENOSPC || fault == EDQUOT) && fstat(fd, &info) == 0 && where + (off_t)size <= info.st_size;
}

#define PASS(call, fd, expression)                        \
    do {                                                  \
        const int what = met(call, fd);                   \
        long result;                                      \
        if (what == FAIL) { errno = fault; return -1; }   \
        result = (expression);                            \
        if (what == KILL_AFTER) die();                    \
        return result;                                    \
    } while (0)

ssize_t pwrite(int fd, const void* data, size_t size, off_t where) {
    PASS(fits(fd, size, where) ? 0 : PWRITE, fd, syscall(SYS_pwrite64, fd, data, size, where));
}
ssize_t pwrite64(int fd, const void* data, size_t size, off_t where) {
    PASS(fits(fd, size, where) ? 0 : PWRITE, fd, syscall(SYS_pwrite64, fd, data, size, where));
}
ssize_t write(int fd, const void* data, size_t size) { PASS(WRITE, fd, syscall(SYS_write, fd, data, size)); }
int fdatasync(int fd) { PASS(FDATASYNC, fd, syscall(SYS_fdatasync, fd)); }
int fsync(int fd) { PASS(FSYNC, fd, syscall(SYS_fsync, fd)); }
int ftruncate(int fd, off_t size) { PASS(TRUNCATE, fd, syscall(SYS_ftruncate, fd, size)); }
int ftruncate64(int fd, off_t size) { PASS(TRUNCATE, fd, syscall(SYS_ftruncate, fd, size)); }
int truncate(const char* path, off_t size) { PASS(TRUNCATE, -1, syscall(SYS_truncate, path, size)); }
int truncate64(const char* path, off_t size) { PASS(TRUNCATE, -1, syscall(SYS_truncate, path, size)); }
int rename(const char* a, const char* b) { PASS(RENAME, -1, syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 0)); }
int renameat(int x, const char* a, int y, const char* b) { PASS(RENAME, -1, syscall(SYS_renameat2, x, a, y, b, 0)); }
int unlink(const char* path) { PASS(UNLINK, -1, syscall(SYS_unlinkat, AT_FDCWD, path, 0)); }
int unlinkat(int x, const char* path, int flags) { PASS(UNLINK, -1, syscall(SYS_unlinkat, x, path, flags)); }
ssize_t send(int fd, const void* data, size_t size, int flags) { PASS(SEND, fd, syscall(SYS_sendto, fd, data, size, flags, NULL, 0)); }

static int opened(int directory, const char* path, int flags, mode_t mode) {
    if (!(flags & O_CREAT)) return (int)syscall(SYS_openat, directory, path, flags, mode);
    PASS(CREATE, -1, syscall(SYS_openat, directory, path, flags, mode));
}

#define MODE_OF(flags, mode)                              \
    mode_t mode = 0;                                      \
    if ((flags) & (O_CREAT | 020000000)) {                \
        va_list more;                                     \
        va_start(more, flags);                            \
        mode = (mode_t)va_arg(more, int);                 \
        va_end(more);                                     \
    }

int open(const char* path, int flags, ...) { MODE_OF(flags, mode) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char* path, int flags, ...) { MODE_OF(flags, mode) return opened(AT_FDCWD, path, flags, mode); }
int openat(int directory, const char* path, int flags, ...) { MODE_OF(flags, mode) return opened(directory, path, flags, mode); }
int openat64(int directory, const char* path, int flags, ...) { MODE_OF(flags, mode) return opened(directory, path, flags, mode); }

static void* mapped(void* where, size_t size, int protection, int flags, int fd, off_t from) {
    const int what = fd >= 0 && flags & 1 /* MAP_SHARED */ ? met(MAP, fd) : 0;
    void* result;
    if (what == FAIL) { errno = fault; return (void*)-1; }
    result = (void*)syscall(SYS_mmap, where, size, protection, flags, fd, from);
    if (what == KILL_AFTER) die();
    return result;
}

void* mmap(void* where, size_t size, int protection, int flags, int fd, off_t from) { return mapped(where, size, protection, flags, fd, from); }
void* mmap64(void* where, size_t size, int protection, int flags, int fd, off_t from) { return mapped(where, size, protection, flags, fd, from); }

int posix_fallocate(int fd, off_t from, off_t size) {
    const int what = met(ALLOCATE, fd);
    int code = 0;
    if (what == FAIL) return fault;
    if (syscall(SYS_fallocate, fd, 0, from, size) != 0) code = errno;
    if (what == KILL_AFTER) die();
    return code;
}

int posix_fallocate64(int fd, off_t from, off_t size) { return posix_fallocate(fd, from, size); }

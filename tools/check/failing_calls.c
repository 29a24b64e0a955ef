// Preloaded into a program, fails one call of the system by its number, for tools/check/faults.
//
// FAULT_CALL names the function, FAULT_AT its call, from 1 on; FAULT_KIND says what happens there: an errno by its number, or
// "short" for half of what was asked for. FAULT_COUNT names a file that is to hold how many calls there were.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *call_name;
static long fault_at;
static bool is_short;
static int error_number;
static atomic_long *count;
static atomic_long own_count;

__attribute__((constructor)) static void begin(void) {
    call_name = getenv("FAULT_CALL");
    const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND"), *path = getenv("FAULT_COUNT");
    fault_at = at ? atol(at) : 0;
    is_short = kind && !strcmp(kind, "short");
    error_number = kind && !is_short ? atoi(kind) : EIO;
    count = &own_count;
    if (!path) return;
    const int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, sizeof *count)) return;
    void *page = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) count = page;
}

// Whether this call is the one.
static bool fails(const char *name) {
    if (!count || !call_name || strcmp(name, call_name)) return false;
    return atomic_fetch_add(count, 1) + 1 == fault_at;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define TRANSFER(name, parameters, size, ...) \
    ssize_t name parameters { \
        if (fails(#name)) { \
            if (!is_short) return errno = error_number, -1; \
            if (size > 1) size /= 2; \
        } \
        return NEXT(name)(__VA_ARGS__); \
    }

TRANSFER(read, (int file, void *buffer, size_t size), size, file, buffer, size)
TRANSFER(write, (int file, const void *buffer, size_t size), size, file, buffer, size)
TRANSFER(pread, (int file, void *buffer, size_t size, off_t offset), size, file, buffer, size, offset)
TRANSFER(pread64, (int file, void *buffer, size_t size, off64_t offset), size, file, buffer, size, offset)
TRANSFER(pwrite, (int file, const void *buffer, size_t size, off_t offset), size, file, buffer, size, offset)
TRANSFER(pwrite64, (int file, const void *buffer, size_t size, off64_t offset), size, file, buffer, size, offset)
TRANSFER(send, (int file, const void *buffer, size_t size, int flags), size, file, buffer, size, flags)
TRANSFER(recv, (int file, void *buffer, size_t size, int flags), size, file, buffer, size, flags)

ssize_t writev(int file, const struct iovec *parts, int size) {
    if (fails("writev")) {
        if (!is_short) return errno = error_number, -1;
        return NEXT(write)(file, parts[0].iov_base, parts[0].iov_len > 1 ? parts[0].iov_len / 2 : parts[0].iov_len);
    }
    return NEXT(writev)(file, parts, size);
}

#define CALL(result, failure, name, parameters, ...) \
    result name parameters { \
        if (fails(#name)) return errno = error_number, failure; \
        return NEXT(name)(__VA_ARGS__); \
    }

CALL(int, -1, fsync, (int file), file)
CALL(int, -1, fdatasync, (int file), file)
CALL(int, -1, ftruncate, (int file, off_t size), file, size)
CALL(int, -1, ftruncate64, (int file, off64_t size), file, size)
CALL(int, -1, rename, (const char *from, const char *to), from, to)
CALL(int, -1, accept4, (int file, struct sockaddr *address, socklen_t *size, int flags), file, address, size, flags)
CALL(int, -1, accept, (int file, struct sockaddr *address, socklen_t *size), file, address, size)
CALL(void *, MAP_FAILED, mmap, (void *where, size_t size, int access, int flags, int file, off_t offset), where, size, access, flags,
     file, offset)
CALL(void *, MAP_FAILED, mmap64, (void *where, size_t size, int access, int flags, int file, off64_t offset), where, size, access,
     flags, file, offset)

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    if (fails("pthread_create")) return EAGAIN;
    return NEXT(pthread_create)(thread, attributes, body, argument);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list list; \
        va_start(list, flags); \
        const mode_t mode = va_arg(list, mode_t); \
        va_end(list); \
        if (fails("open")) return errno = error_number, -1; \
        return NEXT(name)(path, flags, mode); \
    }

OPEN(open)
OPEN(open64)

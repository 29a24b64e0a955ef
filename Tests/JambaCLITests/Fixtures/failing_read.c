// Preloaded into a program, stands for a disk that fails: after READS_BEFORE_FAILURE reads at an offset, every one
// gives an input/output error.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_long reads;

static ssize_t read_or_fail(const char *name, int file, void *buffer, size_t count, off_t offset) {
    const char *limit = getenv("READS_BEFORE_FAILURE");
    if (limit && atomic_fetch_add(&reads, 1) >= atol(limit)) {
        errno = EIO;
        return -1;
    }
    ssize_t (*next)(int, void *, size_t, off_t) = (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, name);
    return next(file, buffer, count, offset);
}

ssize_t pread(int file, void *buffer, size_t count, off_t offset) {
    return read_or_fail("pread", file, buffer, count, offset);
}

ssize_t pread64(int file, void *buffer, size_t count, off_t offset) {
    return read_or_fail("pread64", file, buffer, count, offset);
}

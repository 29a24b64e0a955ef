// The system refuses memory and threads, one request after the other: refuse MODEL FOLDER. Every call must say so and leave
// everything usable; what works in the end works as always.
#define _GNU_SOURCE
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

// The request that is refused, counted down; negative for none.
static atomic_int countdown = -1;
static atomic_int refused;

static bool refuses(void) {
    if (atomic_load(&countdown) < 0 || atomic_fetch_sub(&countdown, 1) != 0) return false;
    atomic_fetch_add(&refused, 1);
    return true;
}

// These stand before the C library's for all that the process has loaded.
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    static void *(*real)(void *, size_t, int, int, int, off_t);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "mmap");
    if (refuses()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return real(address, length, protection, flags, file, offset);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    static int (*real)(void **, size_t, size_t);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "posix_memalign");
    // The pool of threads asks for lines of its own. Swift's objects ask for less; refused those, it ends the process.
    return alignment >= 128 && refuses() ? ENOMEM : real(memory, alignment, size);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return refuses() ? EAGAIN : real(thread, attributes, body, argument);
}

void *ZSTD_createDCtx(void) {
    static void *(*real)(void);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "ZSTD_createDCtx");
    return refuses() ? NULL : real();
}

void *ZSTD_createCCtx(void) {
    static void *(*real)(void);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "ZSTD_createCCtx");
    return refuses() ? NULL : real();
}

// Does the call again and again, refusing its first request, its second, and so on, until none is left to refuse. A call may
// do without what it was refused; otherwise it must say what was missing.
#define WITHOUT(call, undo)                                                                             \
    do {                                                                                                \
        for (int n = 0;; n++) {                                                                         \
            CHECK(n < 1000);                                                                            \
            atomic_store(&refused, 0);                                                                  \
            atomic_store(&countdown, n);                                                                \
            const jamba_status status = (call);                                                         \
            atomic_store(&countdown, -1);                                                               \
            if (atomic_load(&refused) == 0) {                                                           \
                CHECK_STATUS(status, JAMBA_OK);                                                         \
                total += n;                                                                             \
                break;                                                                                  \
            }                                                                                           \
            if (status != JAMBA_OK) {                                                                   \
                failures++;                                                                             \
                if (status != JAMBA_ERROR_MEMORY && status != JAMBA_ERROR_THREADS)                      \
                    CHECK_STATUS(status, JAMBA_ERROR_FILE);                                             \
                CHECK(*jamba_last_error());                                                             \
            } else {                                                                                    \
                undo;                                                                                   \
            }                                                                                           \
        }                                                                                               \
    } while (0)

static int total, failures;

static void open_with(const char *path, const char *folder, const jamba_model_options *options, int32_t *tokens) {
    jamba_model *model = NULL;
    jamba_session *session = NULL, *second = NULL;
    char file[4096];
    CHECK(snprintf(file, sizeof file, "%s/refuse.session", folder) < (int)sizeof file);
    WITHOUT(jamba_model_open(path, options, NULL, &model), jamba_model_free(model));
    WITHOUT(jamba_session_create(model, NULL, &session), jamba_session_free(session));
    int32_t prompt[300];
    for (int i = 0; i < 300; i++) prompt[i] = 10 + i;
    WITHOUT(jamba_prefill(session, prompt, 300, NULL), OK(jamba_session_reset(session)));
    WITHOUT(jamba_session_fork(session, &second), jamba_session_free(second));
    jamba_session_free(second);
    WITHOUT(jamba_session_save(session, file, NULL, 0), (void)0);
    WITHOUT(jamba_session_restore(model, file, NULL, &second), jamba_session_free(second));
    WITHOUT(jamba_step(session, 5), (void)0);
    WITHOUT(jamba_step(second, 5), (void)0);
    OK(jamba_session_reset(session));
    const jamba_generation_options generation = {
        .struct_size = sizeof generation, .max_tokens = 16, .flags = JAMBA_IGNORE_END};
    answer a;
    const jamba_callbacks callbacks = into(&a);
    OK(jamba_generate(session, prompt, 300, &generation, &callbacks, NULL));
    CHECK(a.count == 16);
    if (tokens[0] < 0) memcpy(tokens, a.tokens, 16 * sizeof *tokens);
    CHECK(memcmp(tokens, a.tokens, 16 * sizeof *tokens) == 0);
    jamba_session_free(session);
    jamba_session_free(second);
    jamba_model_free(model);
    remove(file);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    int32_t tokens[16] = {-1};
    const jamba_model_options mapped = {.struct_size = sizeof mapped, .threads = 3};
    jamba_model_options streaming = {.struct_size = sizeof streaming, .threads = 2, .context = 512, .chunk = 64};
    jamba_plan plan = {.struct_size = sizeof plan};
    OK(jamba_model_plan(argv[1], &streaming, &plan));
    streaming.memory = plan.least + (4u << 20);  // for the second session
    OK(jamba_model_plan(argv[1], &streaming, &plan));
    CHECK(plan.residency == JAMBA_RESIDENCY_EXPERTS || plan.residency == JAMBA_RESIDENCY_LAYERS);
    open_with(argv[1], argv[2], &mapped, tokens);
    open_with(argv[1], argv[2], &streaming, tokens);
    printf("%d requests for memory and threads refused: %d calls failed, and said so\n", total, failures);
    CHECK(failures > 10);
    return 0;
}

// Many threads, forked processes, and opening and closing without end: stress MODEL SMALL_MODEL.
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 3, LENGTH = 24 };

typedef struct {
    const jamba_model *model;
    unsigned number;
    answer alone, together;
} talk;

// A prompt, sampling and answer of one's own for each number.
static void generate(const jamba_model *model, unsigned number, answer *a) {
    jamba_session *session;
    OK(jamba_session_create(model, NULL, &session));
    int32_t tokens[4];
    for (unsigned i = 0; i < 4; i++) tokens[i] = (int32_t)(10 + 7 * number + i);
    const jamba_sampling sampling = {
        .struct_size = sizeof sampling, .seed = number, .temperature = number % 2 ? 0.8f : 0};
    const jamba_generation_options options = {.struct_size = sizeof options,
                                              .sampling = &sampling,
                                              .max_tokens = LENGTH,
                                              .flags = JAMBA_IGNORE_END};
    const jamba_callbacks callbacks = into(a);
    OK(jamba_generate(session, tokens, 4, &options, &callbacks, NULL));
    CHECK(a->count == LENGTH);
    jamba_session_free(session);
}

static void *talk_on(void *argument) {
    talk *t = argument;
    for (int round = 0; round < ROUNDS; round++) {
        generate(t->model, t->number, &t->together);
        CHECK(memcmp(t->alone.tokens, t->together.tokens, sizeof(int32_t) * LENGTH) == 0);
    }
    // Errors belong to the thread they happened on.
    CHECK(*jamba_last_error() == 0);
    CHECK_STATUS(jamba_step(NULL, 1), JAMBA_ERROR_ARGUMENT);
    CHECK(*jamba_last_error() != 0);
    return NULL;
}

static void many_threads(const jamba_model *model) {
    static talk talks[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        talks[i].model = model;
        talks[i].number = i;
        generate(model, i, &talks[i].alone);
    }
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, talk_on, &talks[i]) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

// One session, many threads: a call is done or refused, and what was done is all there.
typedef struct {
    jamba_session *session;
    size_t done;
} crowd;

static void *push_in(void *argument) {
    crowd *c = argument;
    for (int i = 0; i < 200; i++) {
        const jamba_status status = jamba_step(c->session, 5);
        CHECK(status == JAMBA_OK || status == JAMBA_ERROR_BUSY);
        if (status == JAMBA_OK) c->done++;
    }
    return NULL;
}

static void one_session(const jamba_model *model) {
    crowd crowds[4];
    pthread_t threads[4];
    jamba_session *session;
    OK(jamba_session_create(model, NULL, &session));
    for (int i = 0; i < 4; i++) {
        crowds[i] = (crowd){session, 0};
        CHECK(pthread_create(&threads[i], NULL, push_in, &crowds[i]) == 0);
    }
    size_t done = 0, count = 0;
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        done += crowds[i].done;
    }
    OK(jamba_session_tokens(session, NULL, 0, &count));
    CHECK(count == done && done > 0);
    jamba_session_free(session);
}

// A forked process is told that handles are not its own, and may open a model.
static void forked(const jamba_model *model, const char *path) {
    answer here, there;
    generate(model, 3, &here);
    jamba_session *session;
    OK(jamba_session_create(model, NULL, &session));
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        jamba_session *made = NULL;
        CHECK_STATUS(jamba_step(session, 5), JAMBA_ERROR_HANDLE);
        CHECK_STATUS(jamba_session_create(model, NULL, &made), JAMBA_ERROR_HANDLE);
        jamba_session_free(session);
        jamba_model_free((jamba_model *)(uintptr_t)model);
        jamba_model *own;
        OK(jamba_model_open(path, NULL, NULL, &own));
        generate(own, 3, &there);
        CHECK(memcmp(here.tokens, there.tokens, sizeof(int32_t) * LENGTH) == 0);
        jamba_model_free(own);
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    OK(jamba_step(session, 5));
    jamba_session_free(session);
}

// Bytes of memory that the process has to itself.
static long resident(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    long size, pages;
    CHECK(file && fscanf(file, "%ld %ld", &size, &pages) == 2);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void open_and_close(const char *path, bool model_too) {
    jamba_model *model;
    OK(jamba_model_open(path, NULL, NULL, &model));
    long before = 0;
    for (int i = 0; i < 1000; i++) {
        if (i == 200) before = resident();
        if (model_too) {
            jamba_model_free(model);
            OK(jamba_model_open(path, NULL, NULL, &model));
        }
        jamba_session *session;
        OK(jamba_session_create(model, NULL, &session));
        OK(jamba_step(session, 5));
        jamba_session_free(session);
    }
    jamba_model_free(model);
    const long growth = resident() - before;
    printf("%s opened and closed 1000 times: %ld KiB more after the last than after 200\n",
           model_too ? "model and session" : "session", growth / 1024);
    CHECK(growth < 512 * 1024);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    jamba_model *model;
    OK(jamba_model_open(argv[1], NULL, NULL, &model));
    many_threads(model);
    one_session(model);
    forked(model, argv[1]);
    jamba_model_free(model);
    open_and_close(argv[2], false);
    open_and_close(argv[2], true);
    return 0;
}

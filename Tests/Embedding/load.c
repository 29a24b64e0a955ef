// Loads the library at run time, uses it, and lets it go, several times: load LIBRARY MODEL.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <jamba.h>

static void *look_up(void *library, const char *name) {
    void *function = dlsym(library, name);
    if (!function) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return function;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    for (int i = 0; i < 5; i++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        jamba_status (*open_model)(const char *, const jamba_model_options *, const jamba_callbacks *, jamba_model **);
        jamba_status (*create)(const jamba_model *, const jamba_session_options *, jamba_session **);
        jamba_status (*step)(jamba_session *, int32_t);
        void (*free_session)(jamba_session *);
        void (*free_model)(jamba_model *);
        *(void **)&open_model = look_up(library, "jamba_model_open");
        *(void **)&create = look_up(library, "jamba_session_create");
        *(void **)&step = look_up(library, "jamba_step");
        *(void **)&free_session = look_up(library, "jamba_session_free");
        *(void **)&free_model = look_up(library, "jamba_model_free");
        jamba_model *model;
        jamba_session *session;
        if (open_model(argv[2], NULL, NULL, &model) != JAMBA_OK || create(model, NULL, &session) != JAMBA_OK ||
            step(session, 5) != JAMBA_OK) {
            fprintf(stderr, "the library fails when it is loaded for the %dth time\n", i + 1);
            return 1;
        }
        free_session(session);
        free_model(model);
        // The Swift runtime's names must not be among those that others are linked with.
        if (dlsym(library, "swift_retain") || dlclose(library) != 0) return 1;
    }
    return 0;
}

// A chat in C: cc chat.c $(pkg-config --cflags --libs jamba) -o chat && ./chat model.jamba
//
// The whole conversation is given with every message; what the model has read before is not computed again.
#include <jamba.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES_MAX = 1000, LINE_SIZE = 4096 };

// An answer as it grows. When memory runs out, it is cut.
typedef struct {
    char *text;
    size_t length;
} answer;

static volatile sig_atomic_t interrupted;

static void interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

static int is_cancelled(void *context) {
    (void)context;
    return interrupted;
}

static int print_piece(void *context, const jamba_piece *piece) {
    answer *a = context;
    fputs(piece->text, stdout);
    fflush(stdout);
    char *longer = realloc(a->text, a->length + piece->text_length + 1);
    if (!longer) return 1;
    memcpy(longer + a->length, piece->text, piece->text_length + 1);
    a->text = longer;
    a->length += piece->text_length;
    return 0;
}

static char *copy(const char *text) {
    const size_t size = strlen(text) + 1;
    char *result = malloc(size);
    return result ? memcpy(result, text, size) : NULL;
}

// Answers the last of the messages; the caller frees the answer. NULL where it fails.
static char *respond(jamba_session *session, const jamba_message *messages, size_t count) {
    const jamba_sampling sampling = {
        .struct_size = sizeof sampling, .temperature = 0.7f, .top_p = 0.9f, .seed = count};
    const jamba_generation_options options = {
        .struct_size = sizeof options, .sampling = &sampling, .max_tokens = 256};
    answer a = {.text = copy("")};
    const jamba_callbacks callbacks = {
        .struct_size = sizeof callbacks, .context = &a, .piece = print_piece, .cancelled = is_cancelled};
    jamba_result result = {.struct_size = sizeof result};
    const jamba_status status = jamba_chat(session, messages, count, NULL, &options, &callbacks, &result);
    putchar('\n');
    if (status != JAMBA_OK) {
        fprintf(stderr, "%s\n", jamba_last_error());
        free(a.text);
        return NULL;
    }
    fprintf(stderr, "[%u tokens read, %u generated]\n", result.prompt_tokens, result.completion_tokens);
    return a.text;
}

static int chat(jamba_session *session) {
    jamba_message messages[MESSAGES_MAX];
    char *texts[MESSAGES_MAX];
    size_t count = 0;
    char line[LINE_SIZE];
    while (count + 2 <= MESSAGES_MAX && fputs("> ", stdout) != EOF && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (!*line) continue;
        interrupted = 0;
        texts[count] = copy(line);
        messages[count] = (jamba_message){.role = "user", .content = texts[count]};
        char *text = texts[count] ? respond(session, messages, count + 1) : NULL;
        if (!text) {
            free(texts[count]);
            continue;
        }
        texts[++count] = text;
        messages[count++] = (jamba_message){.role = "assistant", .content = text};
    }
    while (count > 0) free(texts[--count]);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s MODEL.jamba\n", argv[0]);
        return 2;
    }
    signal(SIGINT, interrupt);
    jamba_model *model = NULL;
    jamba_session *session = NULL;
    if (jamba_model_open(argv[1], NULL, NULL, &model) != JAMBA_OK ||
        jamba_session_create(model, NULL, &session) != JAMBA_OK) {
        fprintf(stderr, "%s\n", jamba_last_error());
        jamba_model_free(model);
        return 1;
    }
    const int result = chat(session);
    jamba_session_free(session);
    jamba_model_free(model);
    return result;
}

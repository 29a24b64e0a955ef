// What the programs of this folder share: checks that say where they fail, and callbacks that count.
#ifndef CHECK_H
#define CHECK_H

#include <jamba.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                   \
    do {                                                                                                   \
        if (!(condition)) {                                                                                \
            fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #condition,        \
                    jamba_last_error());                                                                   \
            exit(1);                                                                                       \
        }                                                                                                  \
    } while (0)

#define CHECK_STATUS(call, wanted)                                                                         \
    do {                                                                                                   \
        const jamba_status status_ = (call);                                                               \
        if (status_ != (wanted)) {                                                                         \
            fprintf(stderr, "%s:%d: %s: %s instead of %s (last error: %s)\n", __FILE__, __LINE__, #call,   \
                    jamba_status_text(status_), jamba_status_text(wanted), jamba_last_error());            \
            exit(1);                                                                                       \
        }                                                                                                  \
    } while (0)

#define OK(call) CHECK_STATUS(call, JAMBA_OK)

// An answer, taken down.
typedef struct {
    int32_t tokens[1024];
    size_t count;
    char text[8192];
    size_t length;
    size_t stop_after;  // pieces; 0 for all
} answer;

static inline int take_down(void *context, const jamba_piece *piece) {
    answer *a = context;
    CHECK(piece->struct_size == sizeof *piece && strlen(piece->text) == piece->text_length);
    CHECK(strlen(piece->reasoning) == piece->reasoning_length);
    CHECK(a->length + piece->text_length < sizeof a->text);
    memcpy(a->text + a->length, piece->text, piece->text_length + 1);
    a->length += piece->text_length;
    if (piece->token >= 0) a->tokens[a->count++] = piece->token;
    return a->stop_after != 0 && a->count == a->stop_after;
}

static inline jamba_callbacks into(answer *a) {
    memset(a, 0, sizeof *a);
    return (jamba_callbacks){.struct_size = sizeof(jamba_callbacks), .context = a, .piece = take_down};
}

// Tokens of a text, framed.
static inline size_t tokens_of(const jamba_model *model, const char *text, int32_t *tokens, size_t capacity) {
    size_t count = 0;
    OK(jamba_tokenize(model, text, strlen(text), JAMBA_ADD_SPECIAL, tokens, capacity, &count));
    return count;
}

#endif

// Calls every function of jamba.h with what it must refuse: misuse MODEL FOLDER SMALL, a model without a
// tokenizer. Nothing may crash, hang, or change a result.
#include "check.h"

static const jamba_model *model;
static jamba_session *session;
static jamba_sampler *sampler;

// Handles that are none: freed, of another kind, invented, of one's own memory.
static void *bad_handles[8];
static size_t bad_count;
static char own_memory[64];

static char *const none = NULL;
#define ARGUMENT(call) CHECK_STATUS(call, JAMBA_ERROR_ARGUMENT)
#define FOR_BAD(call)                                                                          \
    do {                                                                                       \
        for (size_t i_ = 0; i_ < bad_count; i_++) {                                            \
            void *bad = bad_handles[i_];                                                       \
            CHECK_STATUS(call, JAMBA_ERROR_HANDLE);                                            \
        }                                                                                      \
        void *bad = none;                                                                      \
        ARGUMENT(call);                                                                        \
    } while (0)

static void make_bad_handles(const char *path) {
    jamba_model *m;
    jamba_session *s;
    jamba_sampler *p;
    jamba_answer *a;
    OK(jamba_model_open(path, NULL, NULL, &m));
    OK(jamba_session_create(m, NULL, &s));
    OK(jamba_sampler_create(NULL, &p));
    OK(jamba_generate_begin(s, NULL, 0, NULL, NULL, &a));
    jamba_answer_free(a);
    jamba_session_free(s);
    jamba_model_free(m);
    jamba_sampler_free(p);
    bad_handles[bad_count++] = m;
    bad_handles[bad_count++] = s;
    bad_handles[bad_count++] = p;
    bad_handles[bad_count++] = a;
    bad_handles[bad_count++] = own_memory;
    bad_handles[bad_count++] = (void *)(uintptr_t)1;
    bad_handles[bad_count++] = (void *)~(uintptr_t)0;
    for (size_t i = 0; i < bad_count; i++) {
        jamba_model_free(bad_handles[i]);
        jamba_session_free(bad_handles[i]);
        jamba_sampler_free(bad_handles[i]);
        jamba_answer_free(bad_handles[i]);
        jamba_adapter_free(bad_handles[i]);
    }
    jamba_model_free(NULL);
    jamba_session_free(NULL);
    jamba_sampler_free(NULL);
    jamba_answer_free(NULL);
    jamba_adapter_free(NULL);
}

static void handles(void) {
    int32_t token = 5;
    size_t count = 99;
    char text[8];
    float logits[4];
    jamba_info info = {.struct_size = sizeof info};
    jamba_session *made = NULL;
    const jamba_message message = {.role = "user", .content = "x"};
    FOR_BAD(jamba_model_info(bad, &info));
    FOR_BAD(jamba_model_end_tokens(bad, &token, 1, &count));
    FOR_BAD(jamba_tokenize(bad, "x", 1, 0, &token, 1, &count));
    FOR_BAD(jamba_detokenize(bad, &token, 1, 0, text, 8, &count));
    FOR_BAD(jamba_chat_format(bad, &message, 1, NULL, text, 8, &count));
    FOR_BAD(jamba_chat_tokenize(bad, &message, 1, NULL, &token, 1, &count));
    FOR_BAD(jamba_session_create(bad, NULL, &made));
    jamba_adapter *adapter = NULL;
    FOR_BAD(jamba_adapter_load(bad, "x", &adapter));
    for (size_t i = 0; i < bad_count; i++) {
        const jamba_adapter *const adapters[] = {bad_handles[i]};
        const jamba_session_options with = {.struct_size = sizeof with, .adapters = adapters, .adapter_count = 1};
        CHECK_STATUS(jamba_session_create(model, &with, &made), JAMBA_ERROR_HANDLE);
    }
    FOR_BAD(jamba_session_restore(bad, "x", NULL, &made));
    FOR_BAD(jamba_session_save(bad, "x", NULL, 0));
    FOR_BAD(jamba_session_note(bad, text, 8, &count));
    FOR_BAD(jamba_session_fork(bad, &made));
    FOR_BAD(jamba_session_rewind(bad, 0, NULL));
    FOR_BAD(jamba_session_reset(bad));
    FOR_BAD(jamba_session_tokens(bad, &token, 1, &count));
    FOR_BAD(jamba_prefill(bad, &token, 1, NULL));
    FOR_BAD(jamba_step(bad, 5));
    FOR_BAD(jamba_logits(bad, logits, 4, &count));
    FOR_BAD(jamba_sample(bad, session, &token));
    FOR_BAD(jamba_sample(sampler, bad, &token));
    FOR_BAD(jamba_generate(bad, &token, 1, NULL, NULL, NULL));
    FOR_BAD(jamba_chat(bad, &message, 1, NULL, NULL, NULL, NULL));
    jamba_answer *begun = NULL;
    jamba_piece piece = {.struct_size = sizeof piece};
    jamba_result result = {.struct_size = sizeof result};
    FOR_BAD(jamba_score(bad, &token, 1, NULL, logits, NULL));
    FOR_BAD(jamba_generate_begin(bad, &token, 1, NULL, NULL, &begun));
    FOR_BAD(jamba_chat_begin(bad, &message, 1, NULL, NULL, NULL, &begun));
    FOR_BAD(jamba_answer_next(bad, &piece, &result));
    CHECK(!begun && !piece.text && !result.finish);
    CHECK(!made && count == 99 && token == 5 && info.layer_count == 0);
    // Handles of another kind.
    CHECK_STATUS(jamba_step((jamba_session *)(uintptr_t)model, 5), JAMBA_ERROR_HANDLE);
    CHECK_STATUS(jamba_model_info((jamba_model *)session, &info), JAMBA_ERROR_HANDLE);
    jamba_session_free((jamba_session *)sampler);
    OK(jamba_session_reset(session));
}

static void pointers(const char *path) {
    int32_t tokens[4] = {5, 6, 7, 8};
    size_t count = 99;
    const jamba_message message = {.role = "user", .content = "x"};
    ARGUMENT(jamba_model_plan(NULL, NULL, NULL));
    ARGUMENT(jamba_model_plan(path, NULL, NULL));
    ARGUMENT(jamba_model_open(NULL, NULL, NULL, NULL));
    ARGUMENT(jamba_model_open(path, NULL, NULL, NULL));
    ARGUMENT(jamba_model_info(model, NULL));
    ARGUMENT(jamba_model_end_tokens(model, NULL, 0, NULL));
    ARGUMENT(jamba_model_end_tokens(model, NULL, 4, &count));
    ARGUMENT(jamba_tokenize(model, NULL, 1, 0, tokens, 4, &count));
    ARGUMENT(jamba_tokenize(model, "x", SIZE_MAX, 0, tokens, 4, &count));
    ARGUMENT(jamba_tokenize(model, "x", 1, 0, NULL, 4, &count));
    ARGUMENT(jamba_tokenize(model, "x", 1, 0, tokens, SIZE_MAX, &count));
    ARGUMENT(jamba_tokenize(model, "x", 1, 0, tokens, 4, NULL));
    ARGUMENT(jamba_tokenize(model, "x", 1, 1u << 31, tokens, 4, &count));
    ARGUMENT(jamba_tokenize(model, "\xFF", 1, 0, tokens, 4, &count));
    ARGUMENT(jamba_tokenize(model, "x", 1, 0, (int32_t *)(void *)(own_memory + 1), 4, &count));
    ARGUMENT(jamba_detokenize(model, NULL, 1, 0, own_memory, 8, &count));
    ARGUMENT(jamba_detokenize(model, tokens, SIZE_MAX, 0, own_memory, 8, &count));
    ARGUMENT(jamba_detokenize(model, tokens, 1, JAMBA_ADD_SPECIAL, own_memory, 8, &count));
    ARGUMENT(jamba_detokenize(model, tokens, 1, 0, NULL, 8, &count));
    ARGUMENT(jamba_chat_format(model, NULL, 1, NULL, own_memory, 8, &count));
    ARGUMENT(jamba_chat_format(model, &message, 1, NULL, own_memory, 8, NULL));
    ARGUMENT(jamba_chat_tokenize(model, &message, SIZE_MAX, NULL, tokens, 4, &count));
    ARGUMENT(jamba_session_create(model, NULL, NULL));
    jamba_adapter *adapter;
    ARGUMENT(jamba_adapter_load(model, NULL, &adapter));
    ARGUMENT(jamba_adapter_load(model, path, NULL));
    const jamba_session_options without = {.struct_size = sizeof without, .adapter_count = 1};
    ARGUMENT(jamba_session_create(model, &without, &session));
    const jamba_session_options many = {.struct_size = sizeof many, .adapter_count = SIZE_MAX};
    ARGUMENT(jamba_session_create(model, &many, &session));
    ARGUMENT(jamba_session_restore(model, NULL, NULL, &session));
    ARGUMENT(jamba_session_restore(model, path, NULL, NULL));
    ARGUMENT(jamba_session_save(session, NULL, NULL, 0));
    ARGUMENT(jamba_session_save(session, path, NULL, 1));
    ARGUMENT(jamba_session_save(session, path, own_memory, SIZE_MAX));
    ARGUMENT(jamba_session_note(session, NULL, 1, &count));
    ARGUMENT(jamba_session_note(session, NULL, 0, NULL));
    ARGUMENT(jamba_session_fork(session, NULL));
    ARGUMENT(jamba_session_rewind(session, 1, NULL));
    ARGUMENT(jamba_session_rewind(session, SIZE_MAX, NULL));
    ARGUMENT(jamba_session_tokens(session, NULL, 1, &count));
    ARGUMENT(jamba_prefill(session, NULL, 1, NULL));
    ARGUMENT(jamba_prefill(session, tokens, SIZE_MAX, NULL));
    ARGUMENT(jamba_prefill(session, (const int32_t *)(const void *)(own_memory + 1), 1, NULL));
    ARGUMENT(jamba_logits(session, NULL, 1, &count));
    ARGUMENT(jamba_sampler_create(NULL, NULL));
    ARGUMENT(jamba_sample(sampler, session, NULL));
    ARGUMENT(jamba_generate(session, NULL, 1, NULL, NULL, NULL));
    ARGUMENT(jamba_chat(session, NULL, 1, NULL, NULL, NULL, NULL));
    jamba_answer *begun = NULL;
    jamba_piece piece = {.struct_size = sizeof piece};
    jamba_result result = {.struct_size = sizeof result};
    ARGUMENT(jamba_score(session, NULL, 1, NULL, NULL, NULL));
    ARGUMENT(jamba_score(session, tokens, SIZE_MAX, NULL, NULL, NULL));
    ARGUMENT(jamba_score(session, tokens, 1, NULL, (float *)(void *)(own_memory + 1), NULL));
    ARGUMENT(jamba_score(session, tokens, 1, NULL, NULL, (int32_t *)(void *)(own_memory + 1)));
    ARGUMENT(jamba_generate_begin(session, NULL, 1, NULL, NULL, &begun));
    ARGUMENT(jamba_generate_begin(session, tokens, 1, NULL, NULL, NULL));
    ARGUMENT(jamba_chat_begin(session, NULL, 1, NULL, NULL, NULL, &begun));
    ARGUMENT(jamba_chat_begin(session, &message, 1, NULL, NULL, NULL, NULL));
    OK(jamba_generate_begin(session, tokens, 1, NULL, NULL, &begun));
    ARGUMENT(jamba_answer_next(begun, NULL, &result));
    ARGUMENT(jamba_answer_next(begun, &piece, NULL));
    piece.struct_size = 0;
    ARGUMENT(jamba_answer_next(begun, &piece, &result));
    jamba_answer_free(begun);
    OK(jamba_session_reset(session));
    CHECK(count == 99);
    // Nothing to read is nothing wrong.
    OK(jamba_tokenize(model, NULL, 0, 0, NULL, 0, &count));
    OK(jamba_prefill(session, NULL, 0, NULL));
    OK(jamba_chat_format(model, NULL, 0, NULL, NULL, 0, &count));
}

static void values(const char *path, const char *folder) {
    jamba_model *opened = NULL;
    jamba_session *made = NULL;
    size_t count = 0;
    const int32_t tokens[] = {5, -1, INT32_MAX};
    CHECK_STATUS(jamba_prefill(session, tokens, 2, NULL), JAMBA_ERROR_TOKEN);
    CHECK_STATUS(jamba_step(session, INT32_MAX), JAMBA_ERROR_TOKEN);
    CHECK_STATUS(jamba_detokenize(model, tokens, 3, 0, NULL, 0, &count), JAMBA_ERROR_TOKEN);
    OK(jamba_session_tokens(session, NULL, 0, &count));
    CHECK(count == 0);

#define MODEL_OPTION(field, value)                                                                       \
    do {                                                                                                 \
        const jamba_model_options o = {.struct_size = sizeof o, .field = value};                         \
        ARGUMENT(jamba_model_open(path, &o, NULL, &opened));                                             \
    } while (0)
    MODEL_OPTION(memory, UINT64_MAX);
    MODEL_OPTION(snapshot_memory, UINT64_MAX);
    MODEL_OPTION(threads, 1025);
    MODEL_OPTION(context, UINT32_MAX);
    MODEL_OPTION(chunk, 8193);
    MODEL_OPTION(sessions, 1025);
    MODEL_OPTION(window, UINT32_MAX);
    MODEL_OPTION(cache_type, (jamba_cache_type)77);
    MODEL_OPTION(draft, 65);
    MODEL_OPTION(access, (jamba_access)77);
    MODEL_OPTION(chat_template, "\xC3");
    MODEL_OPTION(draft_text_count, 1);
    MODEL_OPTION(draft_text_count, SIZE_MAX);
    const char *const nowhere[] = {"/nowhere/at/all.txt", NULL};
    const jamba_model_options pathless = {.struct_size = sizeof pathless, .draft_texts = nowhere + 1, .draft_text_count = 1};
    ARGUMENT(jamba_model_open(path, &pathless, NULL, &opened));
    const jamba_model_options missing = {.struct_size = sizeof missing, .draft_texts = nowhere, .draft_text_count = 1};
    CHECK_STATUS(jamba_model_open(path, &missing, NULL, &opened), JAMBA_ERROR_FILE);
    const jamba_model_options template = {.struct_size = sizeof template, .chat_template = "{% for %}"};
    CHECK_STATUS(jamba_model_open(path, &template, NULL, &opened), JAMBA_ERROR_TEMPLATE);

#define SESSION_OPTION(...)                                                                              \
    do {                                                                                                 \
        const jamba_session_options o = {.struct_size = sizeof o, __VA_ARGS__};                          \
        ARGUMENT(jamba_session_create(model, &o, &made));                                                \
    } while (0)
    SESSION_OPTION(.chunk = UINT32_MAX);
    SESSION_OPTION(.window = UINT32_MAX);
    SESSION_OPTION(.window = 4, .sinks = 4);
    SESSION_OPTION(.draft = UINT32_MAX);
    SESSION_OPTION(.cache_type = (jamba_cache_type)-1);

#define SAMPLING(field, ...)                                                                             \
    do {                                                                                                 \
        const jamba_sampling o = {.struct_size = sizeof o, .field = __VA_ARGS__};                        \
        jamba_sampler *p = NULL;                                                                         \
        ARGUMENT(jamba_sampler_create(&o, &p));                                                          \
        const jamba_generation_options g = {.struct_size = sizeof g, .sampling = &o};                    \
        ARGUMENT(jamba_generate(session, NULL, 0, &g, NULL, NULL));                                      \
    } while (0)
    SAMPLING(temperature, NAN);
    SAMPLING(temperature, -1);
    SAMPLING(temperature, INFINITY);
    SAMPLING(top_p, NAN);
    SAMPLING(top_p, 1.5f);
    SAMPLING(min_p, 1);
    SAMPLING(min_p, NAN);
    SAMPLING(repetition_penalty, -1);
    SAMPLING(repetition_penalty, NAN);
    SAMPLING(frequency_penalty, NAN);
    SAMPLING(presence_penalty, 101);
    SAMPLING(dry_multiplier, -1);
    SAMPLING(dry_base, 0.5f);
    SAMPLING(xtc_probability, 1.5f);
    SAMPLING(xtc_threshold, -1);
    SAMPLING(typical_p, NAN);
    SAMPLING(dynatemp_range, -1);
    SAMPLING(dynatemp_exponent, INFINITY);
    SAMPLING(top_n_sigma, NAN);
    SAMPLING(mirostat, 1);
    SAMPLING(mirostat, UINT32_MAX);
    SAMPLING(mirostat_tau, -1);
    SAMPLING(mirostat_eta, 2);
    const jamba_logit_bias biases[] = {{5, 1}, {6, NAN}};
    SAMPLING(logit_bias_count, 1);
    SAMPLING(logit_bias_count, SIZE_MAX);
    SAMPLING(logit_bias, biases, .logit_bias_count = 2);
    const char *breakers[] = {"a", "", NULL, "\xFF"};
    SAMPLING(dry_sequence_breaker_count, 1);
    SAMPLING(dry_sequence_breakers, breakers, .dry_sequence_breaker_count = 65);
    for (size_t i = 1; i < 4; i++) SAMPLING(dry_sequence_breakers, breakers + i, .dry_sequence_breaker_count = 1);

#define GENERATION(wanted, ...)                                                                          \
    do {                                                                                                 \
        const jamba_generation_options o = {.struct_size = sizeof o, __VA_ARGS__};                       \
        CHECK_STATUS(jamba_generate(session, tokens, 1, &o, NULL, NULL), wanted);                        \
    } while (0)
    const char *stops[] = {NULL};
    GENERATION(JAMBA_ERROR_ARGUMENT, .stops = stops, .stop_count = 1);
    GENERATION(JAMBA_ERROR_ARGUMENT, .stop_count = 1);
    GENERATION(JAMBA_ERROR_ARGUMENT, .stop_count = SIZE_MAX);
    GENERATION(JAMBA_ERROR_ARGUMENT, .flags = ~0u);
    GENERATION(JAMBA_ERROR_ARGUMENT, .json_schema = "{");
    GENERATION(JAMBA_ERROR_ARGUMENT, .json_schema = "{}", .grammar = "root ::= \"a\"");
    GENERATION(JAMBA_ERROR_GRAMMAR, .grammar = "root ::= root");
    GENERATION(JAMBA_ERROR_GRAMMAR, .json_schema = "{\"type\": 5}");

#define CHAT(wanted, one, ...)                                                                           \
    do {                                                                                                 \
        const jamba_message m = one;                                                                     \
        const jamba_chat_options o = {.struct_size = sizeof o, __VA_ARGS__};                             \
        CHECK_STATUS(jamba_chat(session, &m, 1, &o, NULL, NULL, NULL), wanted);                          \
        CHECK_STATUS(jamba_chat_tokenize(model, &m, 1, &o, NULL, 0, &count), wanted);                    \
    } while (0)
    const jamba_message user = {.role = "user", .content = "x"};
    CHAT(JAMBA_ERROR_ARGUMENT, ((jamba_message){.role = "user"}), .flags = 0);
    CHAT(JAMBA_ERROR_ARGUMENT, ((jamba_message){.content = "x"}), .flags = 0);
    CHAT(JAMBA_ERROR_ARGUMENT, ((jamba_message){.role = "user", .content = "\x80"}), .flags = 0);
    CHAT(JAMBA_ERROR_ARGUMENT, ((jamba_message){.role = "a", .content = "x", .tool_calls = "[{}]"}), .flags = 0);
    CHAT(JAMBA_ERROR_ARGUMENT, user, .tools = "{}");
    CHAT(JAMBA_ERROR_ARGUMENT, user, .documents = "nonsense");
    CHAT(JAMBA_ERROR_ARGUMENT, user, .variables = "[]");
    CHAT(JAMBA_ERROR_ARGUMENT, user, .tool_use = (jamba_tool_use)9);
    CHAT(JAMBA_ERROR_ARGUMENT, user, .flags = JAMBA_IGNORE_END);

    CHECK_STATUS(jamba_model_open("/nowhere/at/all.jamba", NULL, NULL, &opened), JAMBA_ERROR_FILE);
    CHECK_STATUS(jamba_model_open(folder, NULL, NULL, &opened), JAMBA_ERROR_FILE);
    CHECK_STATUS(jamba_model_open("/dev/null", NULL, NULL, &opened), JAMBA_ERROR_FILE);
    CHECK_STATUS(jamba_model_open(__FILE__, NULL, NULL, &opened), JAMBA_ERROR_FORMAT);
    CHECK_STATUS(jamba_session_restore(model, path, NULL, &made), JAMBA_ERROR_FORMAT);
    jamba_adapter *adapter = NULL;
    CHECK_STATUS(jamba_adapter_load(model, path, &adapter), JAMBA_ERROR_FORMAT);
    CHECK_STATUS(jamba_adapter_load(model, "/nowhere/at/all.jadapter", &adapter), JAMBA_ERROR_FILE);
    CHECK(!adapter);
    CHECK_STATUS(jamba_session_save(session, folder, NULL, 0), JAMBA_ERROR_FILE);
    CHECK(!opened && !made);
    CHECK(strcmp(jamba_status_text((jamba_status)4711), "unknown") == 0);
}

// Weights that turn out to be damaged: whatever computes is told, and nothing comes of it. A model without a tokenizer is opened
// before any of them has been looked at.
static void damage(const char *path, const char *folder) {
    static char copy[4096], bytes[1 << 24];
    snprintf(copy, sizeof copy, "%s/damaged.jamba", folder);
    FILE *file = fopen(path, "rb");
    CHECK(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    CHECK(size > 0 && size < sizeof bytes);
    bytes[size / 2] ^= 1;
    CHECK((file = fopen(copy, "wb")) && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
    jamba_model *damaged;
    jamba_session *reading;
    OK(jamba_model_open(copy, NULL, NULL, &damaged));
    OK(jamba_session_create(damaged, NULL, &reading));
    const int32_t tokens[] = {5, 6, 7};
    answer a;
    jamba_callbacks callbacks = into(&a);
    float values[3] = {-1, -1, -1};
    int32_t ids[3] = {-9, -9, -9};
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(jamba_prefill(reading, tokens, 3, NULL), JAMBA_ERROR_FORMAT);
        CHECK(strstr(jamba_last_error(), "block ") && strstr(jamba_last_error(), " fails its checksum"));
        CHECK_STATUS(jamba_step(reading, 5), JAMBA_ERROR_FORMAT);
        CHECK_STATUS(jamba_score(reading, tokens, 3, NULL, values, ids), JAMBA_ERROR_FORMAT);
        CHECK_STATUS(jamba_generate(reading, tokens, 3, NULL, &callbacks, NULL), JAMBA_ERROR_FORMAT);
        CHECK(a.count == 0);
        size_t count = 9;
        CHECK_STATUS(jamba_logits(reading, NULL, 0, &count), JAMBA_ERROR_NO_LOGITS);
        OK(jamba_session_tokens(reading, NULL, 0, &count));
        CHECK(count == 0);
    }
    jamba_session_free(reading);
    jamba_model_free(damaged);
    CHECK(remove(copy) == 0);
}

// Structs of other versions: smaller than the first is a mistake; larger is welcome as long as what is new is zero.
static void versions(void) {
    struct {
        jamba_sampling known;
        uint64_t later;
    } newer = {.known = {.struct_size = sizeof newer}};
    jamba_sampler *made = NULL;
    OK(jamba_sampler_create(&newer.known, &made));
    jamba_sampler_free(made);
    newer.later = 1;
    ARGUMENT(jamba_sampler_create(&newer.known, &made));
    // A program built for the first version has a shorter struct, and what lies behind it is none of ours.
    jamba_sampling older = {.struct_size = offsetof(jamba_sampling, frequency_penalty), .frequency_penalty = NAN};
    OK(jamba_sampler_create(&older, &made));
    jamba_sampler_free(made);
    older.struct_size -= sizeof(uint64_t);
    ARGUMENT(jamba_sampler_create(&older, &made));
    const size_t sizes[] = {0, 1, sizeof(size_t), sizeof(jamba_sampling) - 1, 1u << 20, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        union {
            size_t struct_size;
            jamba_model_options model;
            jamba_session_options session;
            jamba_generation_options generation;
            jamba_chat_options chat;
            jamba_callbacks callbacks;
            jamba_sampling sampling;
            jamba_result result;
            jamba_info info;
            jamba_plan plan;
        } u;
        memset(&u, 0, sizeof u);
        u.struct_size = sizes[i];
        jamba_model *m = NULL;
        jamba_session *s = NULL;
        const int32_t token = 5;
        const jamba_message message = {.role = "user", .content = "x"};
        ARGUMENT(jamba_sampler_create(&u.sampling, &made));
        if (sizes[i] + 1 == sizeof(jamba_sampling)) continue;  // may be another struct's right size
        ARGUMENT(jamba_model_open("x", &u.model, NULL, &m));
        ARGUMENT(jamba_model_open("x", NULL, &u.callbacks, &m));
        ARGUMENT(jamba_model_plan("x", NULL, &u.plan));
        ARGUMENT(jamba_model_info(model, &u.info));
        ARGUMENT(jamba_session_create(model, &u.session, &s));
        ARGUMENT(jamba_session_rewind(session, 0, &u.callbacks));
        ARGUMENT(jamba_generate(session, &token, 1, &u.generation, NULL, NULL));
        ARGUMENT(jamba_generate(session, &token, 1, NULL, &u.callbacks, NULL));
        ARGUMENT(jamba_generate(session, &token, 1, NULL, NULL, &u.result));
        ARGUMENT(jamba_chat(session, &message, 1, &u.chat, NULL, NULL, NULL));
    }
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    make_bad_handles(argv[1]);
    jamba_model *opened;
    OK(jamba_model_open(argv[1], NULL, NULL, &opened));
    model = opened;
    OK(jamba_session_create(model, NULL, &session));
    OK(jamba_sampler_create(NULL, &sampler));
    handles();
    pointers(argv[1]);
    values(argv[1], argv[2]);
    versions();
    damage(argv[3], argv[2]);

    // After all that everything still works.
    const int32_t token = 5;
    answer a;
    jamba_callbacks callbacks = into(&a);
    OK(jamba_session_reset(session));
    OK(jamba_generate(session, &token, 1, NULL, &callbacks, NULL));
    CHECK(a.count > 0);
    jamba_sampler_free(sampler);
    jamba_session_free(session);
    jamba_model_free(opened);
    return 0;
}

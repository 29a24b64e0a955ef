// Uses every function of jamba.h as it is meant: use MODEL FOLDER. Prints the tokens of a greedy answer, which are compared
// with those of the program jamba.
#include "check.h"

static uint64_t last_done, last_total;
static int lines;

static int watch(void *context, uint64_t done, uint64_t total) {
    CHECK(context == &lines && done <= total);
    last_done = done;
    last_total = total;
    return 0;
}

static void take_line(void *context, const char *line) {
    CHECK(context == &lines && strlen(line) > 0 && !strchr(line, '\n'));
    lines++;
}

static jamba_session *busy_session;

static int use_while_busy(void *context, const jamba_piece *piece) {
    (void)context, (void)piece;
    size_t count = 7;
    CHECK_STATUS(jamba_session_tokens(busy_session, NULL, 0, &count), JAMBA_ERROR_BUSY);
    CHECK_STATUS(jamba_session_reset(busy_session), JAMBA_ERROR_BUSY);
    CHECK(count == 7);
    return 1;
}

static int say_stop(void *context) {
    int *questions = context;
    return ++*questions > 3;
}

static float *logits_of(const jamba_session *session, size_t count) {
    float *logits = malloc(count * sizeof *logits);
    size_t stored = 0;
    OK(jamba_logits(session, logits, count, &stored));
    CHECK(stored == count);
    return logits;
}

static void same_logits(const jamba_session *a, const jamba_session *b, size_t count) {
    float *x = logits_of(a, count), *y = logits_of(b, count);
    CHECK(memcmp(x, y, count * sizeof *x) == 0);
    free(x);
    free(y);
}

static jamba_model *open_model(const char *path) {
    jamba_plan plan = {.struct_size = sizeof plan};
    OK(jamba_model_plan(path, NULL, &plan));
    uint64_t sum = 0;
    for (uint32_t i = 0; i < plan.item_count; i++) {
        CHECK(plan.items[i].name[0] && !plan.items[i].name[sizeof plan.items[i].name - 1]);
        sum += plan.items[i].bytes;
    }
    CHECK(plan.item_count > 4 && sum == plan.total && plan.total <= plan.limit && plan.least <= plan.total);
    CHECK(plan.residency == JAMBA_RESIDENCY_MAPPED && plan.context > 0);

    // What is planned within the least memory is what is opened within it.
    jamba_model_options options = {.struct_size = sizeof options, .memory = plan.least - 1};
    jamba_model *model = NULL;
    CHECK_STATUS(jamba_model_plan(path, &options, &plan), JAMBA_ERROR_MEMORY);
    CHECK_STATUS(jamba_model_open(path, &options, NULL, &model), JAMBA_ERROR_MEMORY);
    CHECK(!model && strstr(jamba_last_error(), "MiB"));
    options.memory = plan.least;
    OK(jamba_model_plan(path, &options, &plan));
    CHECK(plan.limit == options.memory && plan.residency != JAMBA_RESIDENCY_MAPPED);

    jamba_callbacks callbacks = {
        .struct_size = sizeof callbacks, .context = &lines, .progress = watch, .log = take_line};
    OK(jamba_model_open(path, NULL, &callbacks, &model));
    CHECK(last_total > 0 && last_total == last_done && lines > 0);
    return model;
}

static void use_text(const jamba_model *model) {
    const char *text = "Once upon a time there was a \xF0\x9F\x90\xB1 in Z\xC3\xBCrich.";
    int32_t tokens[128];
    size_t count = 0, length = 0;
    OK(jamba_tokenize(model, text, strlen(text), 0, NULL, 0, &count));
    CHECK(count > 5 && count < 128);
    const size_t needed = count;
    tokens[0] = -7;
    CHECK_STATUS(jamba_tokenize(model, text, strlen(text), 0, tokens, needed - 1, &count), JAMBA_ERROR_CAPACITY);
    CHECK(count == needed && tokens[0] == -7);
    OK(jamba_tokenize(model, text, strlen(text), 0, tokens, needed, &count));
    char back[256];
    OK(jamba_detokenize(model, tokens, count, JAMBA_SKIP_SPECIAL, back, sizeof back, &length));
    CHECK(length == strlen(text) && strcmp(back, text) == 0);
    CHECK_STATUS(jamba_detokenize(model, tokens, count, 0, back, length, &length), JAMBA_ERROR_CAPACITY);
    OK(jamba_detokenize(model, tokens, count, 0, back, length + 1, &length));
    OK(jamba_tokenize(model, text, strlen(text), JAMBA_ADD_SPECIAL | JAMBA_PARSE_SPECIAL, tokens, 128, &count));
    CHECK(count == needed + 1);

    const jamba_message messages[] = {{.role = "system", .content = "Be kind."}, {.role = "user", .content = "Hello"}};
    jamba_chat_options chat = {.struct_size = sizeof chat, .flags = JAMBA_NO_ANSWER};
    char page[1024];
    OK(jamba_chat_format(model, messages, 2, NULL, page, sizeof page, &length));
    CHECK(strlen(page) == length && strstr(page, "Hello"));
    const size_t whole = length;
    OK(jamba_chat_format(model, messages, 2, &chat, page, sizeof page, &length));
    CHECK(length < whole);
    OK(jamba_chat_tokenize(model, messages, 2, NULL, tokens, 128, &count));
    CHECK(count > 4);
}

// Beside the model that it changes, and gone on with only by a session that has it, too.
static void use_adapters(const jamba_model *model, const char *folder, size_t vocabulary) {
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/demo.jadapter", folder) < (int)sizeof path);
    jamba_adapter *adapter = NULL;
    OK(jamba_adapter_load(model, path, &adapter));
    const jamba_adapter *const adapters[] = {adapter, adapter};
    const float four[] = {4}, parts_of_it[] = {1, 3}, none[] = {0, 0};
    jamba_session_options options = {.struct_size = sizeof options, .adapters = adapters, .adapter_scales = four, .adapter_count = 1};
    jamba_session *plain = NULL, *whole = NULL, *parts = NULL, *nothing = NULL, *restored = NULL;
    OK(jamba_session_create(model, NULL, &plain));
    OK(jamba_session_create(model, &options, &whole));
    options.adapter_count = 2;
    options.adapter_scales = parts_of_it;
    OK(jamba_session_create(model, &options, &parts));
    options.adapter_scales = none;
    OK(jamba_session_create(model, &options, &nothing));
    int32_t tokens[64];
    const size_t count = tokens_of(model, "The little dog ran home.", tokens, 64);
    jamba_session *const sessions[] = {plain, whole, parts, nothing};
    for (size_t i = 0; i < 4; i++) OK(jamba_prefill(sessions[i], tokens, count, NULL));
    same_logits(plain, nothing, vocabulary);
    float *a = malloc(vocabulary * sizeof *a), *b = malloc(vocabulary * sizeof *b), *c = malloc(vocabulary * sizeof *c);
    size_t size;
    CHECK(a && b && c);
    OK(jamba_logits(plain, a, vocabulary, &size));
    OK(jamba_logits(whole, b, vocabulary, &size));
    OK(jamba_logits(parts, c, vocabulary, &size));
    double change = 0, difference = 0;
    for (size_t i = 0; i < vocabulary; i++) {
        change += fabs((double)b[i] - (double)a[i]);
        difference += fabs((double)c[i] - (double)b[i]);
    }
    // Rounded otherwise on the way, which int8 activations magnify.
    CHECK(change > 0 && difference < change / 2);
    free(a), free(b), free(c);

    CHECK(snprintf(path, sizeof path, "%s/adapted.session", folder) < (int)sizeof path);
    OK(jamba_session_save(whole, path, NULL, 0));
    CHECK_STATUS(jamba_session_restore(model, path, NULL, &restored), JAMBA_ERROR_FOREIGN_SESSION);
    options.adapter_count = 1;
    options.adapter_scales = NULL;  // is 1
    CHECK_STATUS(jamba_session_restore(model, path, &options, &restored), JAMBA_ERROR_FOREIGN_SESSION);
    options.adapter_scales = four;
    OK(jamba_session_restore(model, path, &options, &restored));
    jamba_adapter_free(adapter);  // the sessions keep it
    OK(jamba_step(whole, tokens[1]));
    OK(jamba_step(restored, tokens[1]));
    same_logits(whole, restored, vocabulary);
    for (size_t i = 0; i < 4; i++) jamba_session_free(sessions[i]);
    jamba_session_free(restored);
}

static void use_sessions(const jamba_model *model, const char *folder, size_t vocabulary) {
    jamba_session *a = NULL, *b = NULL, *c = NULL;
    jamba_session_options options = {
        .struct_size = sizeof options, .window = 64, .sinks = 4, .chunk = 16, .cache_type = JAMBA_CACHE_F16};
    OK(jamba_session_create(model, &options, &a));
    int32_t tokens[128], seen[256];
    const size_t count = tokens_of(model, "The little dog ran to the river because it was very hot.", tokens, 128);
    size_t stored = 0;
    CHECK_STATUS(jamba_logits(a, NULL, 0, &stored), JAMBA_ERROR_NO_LOGITS);
    OK(jamba_prefill(a, tokens, count, NULL));
    OK(jamba_session_tokens(a, seen, 256, &stored));
    CHECK(stored == count && memcmp(seen, tokens, count * sizeof *tokens) == 0);

    // Token by token, the same bits; and so is what was forked, saved and restored, and rewound.
    OK(jamba_session_create(model, &options, &b));
    for (size_t i = 0; i < count; i++) OK(jamba_step(b, tokens[i]));
    same_logits(a, b, vocabulary);
    jamba_session_free(b);
    OK(jamba_session_fork(a, &b));
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/use.session", folder) < (int)sizeof path);
    OK(jamba_session_save(a, path, "a note", 6));
    OK(jamba_session_restore(model, path, NULL, &c));
    char note[6];
    OK(jamba_session_note(c, note, sizeof note, &stored));
    CHECK(stored == 6 && memcmp(note, "a note", 6) == 0);
    OK(jamba_session_note(a, NULL, 0, &stored));
    CHECK(stored == 0);
    OK(jamba_step(a, tokens[1]));
    OK(jamba_step(b, tokens[1]));
    OK(jamba_step(c, tokens[1]));
    same_logits(a, b, vocabulary);
    same_logits(a, c, vocabulary);
    OK(jamba_step(a, tokens[2]));
    OK(jamba_session_rewind(a, count + 1, NULL));
    same_logits(a, b, vocabulary);
    OK(jamba_session_reset(c));
    OK(jamba_session_tokens(c, NULL, 0, &stored));
    CHECK(stored == 0);

    // A prompt that is stopped leaves an empty session.
    int questions = 0;
    jamba_callbacks stop = {.struct_size = sizeof stop, .context = &questions, .cancelled = say_stop};
    CHECK_STATUS(jamba_prefill(c, tokens, count, &stop), JAMBA_CANCELLED);
    OK(jamba_session_tokens(c, NULL, 0, &stored));
    CHECK(stored == 0 && questions == 4);
    jamba_session_free(a);
    jamba_session_free(b);
    jamba_session_free(c);
    remove(path);
}

static void use_answers(const jamba_model *model, const int32_t *end_tokens, size_t end_count) {
    jamba_session *session = NULL;
    OK(jamba_session_create(model, NULL, &session));
    int32_t prompt[64];
    const size_t count = tokens_of(model, "Once upon a time", prompt, 64);
    answer first, second;
    jamba_callbacks callbacks = into(&first);
    jamba_generation_options options = {.struct_size = sizeof options, .max_tokens = 24, .flags = JAMBA_IGNORE_END};
    jamba_result result = {.struct_size = sizeof result};
    OK(jamba_generate(session, prompt, count, &options, &callbacks, &result));
    CHECK(result.finish == JAMBA_FINISH_LENGTH && result.prompt_tokens == count && result.completion_tokens == 24);
    for (size_t i = 0; i < first.count; i++) printf("%s%d", i ? "," : "", (int)first.tokens[i]);
    printf("\n%s\n", first.text);

    // A token loop of one's own draws the same as generating does.
    jamba_sampling sampling = {.struct_size = sizeof sampling, .seed = 11, .temperature = 0.9f, .top_p = 0.95f, .top_k = 40};
    options.sampling = &sampling;
    OK(jamba_session_reset(session));
    callbacks = into(&first);
    OK(jamba_generate(session, prompt, count, &options, &callbacks, NULL));
    jamba_sampler *sampler = NULL;
    OK(jamba_sampler_create(&sampling, &sampler));
    OK(jamba_session_reset(session));
    int32_t token;
    CHECK_STATUS(jamba_sample(sampler, session, &token), JAMBA_ERROR_NO_LOGITS);
    OK(jamba_prefill(session, prompt, count, NULL));
    for (size_t i = 0; i < first.count; i++) {
        OK(jamba_sample(sampler, session, &token));
        CHECK(token == first.tokens[i]);
        OK(jamba_step(session, token));
    }
    jamba_sampler_free(sampler);

    // Options that came later: a bias decides, and a penalty for what has come outweighs it from then on.
    const jamba_logit_bias bias = {.token = 300, .bias = 50};
    const char *const no_breakers[] = {NULL};
    jamba_sampling biased = {.struct_size = sizeof biased,
                             .logit_bias = &bias,
                             .logit_bias_count = 1,
                             .dry_sequence_breakers = no_breakers};
    jamba_generation_options few = {
        .struct_size = sizeof few, .sampling = &biased, .max_tokens = 8, .flags = JAMBA_IGNORE_END};
    OK(jamba_session_reset(session));
    callbacks = into(&second);
    OK(jamba_generate(session, prompt, count, &few, &callbacks, NULL));
    for (size_t i = 0; i < second.count; i++) CHECK(second.tokens[i] == 300);
    biased.presence_penalty = 100;
    OK(jamba_session_reset(session));
    callbacks = into(&second);
    OK(jamba_generate(session, prompt, count, &few, &callbacks, NULL));
    for (size_t i = 0; i < second.count; i++) CHECK((second.tokens[i] == 300) == (i == 0));

    // Asked for piece by piece, it is the same answer; until its end the session is in use.
    jamba_answer *asked = NULL;
    jamba_piece piece = {.struct_size = sizeof piece};
    OK(jamba_session_reset(session));
    OK(jamba_generate_begin(session, prompt, count, &options, NULL, &asked));
    result = (jamba_result){.struct_size = sizeof result};
    for (second.count = second.length = 0; !result.finish; second.length += piece.text_length) {
        CHECK_STATUS(jamba_step(session, 5), JAMBA_ERROR_BUSY);
        OK(jamba_answer_next(asked, &piece, &result));
        CHECK(strlen(piece.text) == piece.text_length && !piece.tool_calls && *piece.reasoning == 0);
        memcpy(second.text + second.length, piece.text, piece.text_length + 1);
        if (piece.token >= 0) second.tokens[second.count++] = piece.token;
    }
    CHECK(result.finish == JAMBA_FINISH_LENGTH && result.completion_tokens == 24 && second.count == first.count);
    CHECK(memcmp(first.tokens, second.tokens, first.count * sizeof *first.tokens) == 0 && !strcmp(first.text, second.text));
    OK(jamba_session_reset(session));
    OK(jamba_answer_next(asked, &piece, &result));
    CHECK(piece.token == -1 && piece.text_length == 0 && result.finish == JAMBA_FINISH_LENGTH);
    jamba_answer_free(asked);
    // One that is freed before its end gives the session back; one that does not begin never takes it.
    OK(jamba_generate_begin(session, prompt, count, &options, NULL, &asked));
    OK(jamba_answer_next(asked, &piece, &result));
    jamba_answer_free(asked);
    size_t held = 0;
    OK(jamba_session_tokens(session, NULL, 0, &held));
    CHECK(held == count);
    jamba_callbacks stop_reading = {.struct_size = sizeof stop_reading, .context = &(int){0}, .cancelled = say_stop};
    OK(jamba_session_reset(session));
    CHECK_STATUS(jamba_generate_begin(session, (int32_t[]){7, 8, 9}, 3, &options, &stop_reading, &asked), JAMBA_CANCELLED);
    OK(jamba_session_reset(session));

    // A callback stops the answer, and must not use the session.
    OK(jamba_session_reset(session));
    callbacks = into(&second);
    second.stop_after = 5;
    OK(jamba_generate(session, prompt, count, &options, &callbacks, &result));
    CHECK(second.count == 5 && result.finish == JAMBA_FINISH_CANCELLED && result.completion_tokens == 5);
    CHECK(memcmp(first.tokens, second.tokens, 5 * sizeof *first.tokens) == 0);
    busy_session = session;
    callbacks.piece = use_while_busy;
    OK(jamba_generate(session, prompt, count, &options, &callbacks, &result));

    const jamba_message message = {.role = "user", .content = "Is the sky blue?"};
    options = (jamba_generation_options){.struct_size = sizeof options, .grammar = "root ::= \"yes\" | \"no\""};
    callbacks = into(&first);
    OK(jamba_chat(session, &message, 1, NULL, &options, &callbacks, &result));
    CHECK(strcmp(first.text, "yes") == 0 || strcmp(first.text, "no") == 0);
    CHECK(result.finish == JAMBA_FINISH_STOP && result.prompt_tokens > 4);
    options = (jamba_generation_options){.struct_size = sizeof options, .json_schema = "{\"enum\": [12, \"ab\"]}"};
    callbacks = into(&first);
    OK(jamba_chat(session, &message, 1, NULL, &options, &callbacks, NULL));
    CHECK(strcmp(first.text, "12") == 0 || strcmp(first.text, "\"ab\"") == 0);

    OK(jamba_chat_begin(session, &message, 1, NULL, &options, NULL, &asked));
    result = (jamba_result){.struct_size = sizeof result};
    for (second.length = 0; !result.finish; second.length += piece.text_length) {
        OK(jamba_answer_next(asked, &piece, &result));
        memcpy(second.text + second.length, piece.text, piece.text_length + 1);
    }
    CHECK(strcmp(first.text, second.text) == 0);
    jamba_answer_free(asked);

    // A chat's answer ends by an end token or a stop text.
    const char *stops[] = {"e"};
    options = (jamba_generation_options){
        .struct_size = sizeof options, .stops = stops, .stop_count = 1, .max_tokens = 200};
    callbacks = into(&first);
    OK(jamba_chat(session, &message, 1, NULL, &options, &callbacks, &result));
    CHECK(!strchr(first.text, 'e') && result.finish == JAMBA_FINISH_STOP);
    CHECK(end_count > 0 && end_tokens[0] >= 0);

    // An answer goes on with what it is to begin with.
    const jamba_message begun[] = {message, {.role = "assistant", .content = "Yes, it"}};
    const jamba_chat_options chat = {.struct_size = sizeof chat, .flags = JAMBA_CONTINUE};
    char page[1024];
    size_t length = 0;
    OK(jamba_chat_format(model, begun, 2, &chat, page, sizeof page, &length));
    CHECK(length > 7 && strcmp(page + length - 7, "Yes, it") == 0);
    int32_t ids[256];
    OK(jamba_chat_tokenize(model, begun, 2, &chat, ids, 256, &length));
    options = (jamba_generation_options){.struct_size = sizeof options, .grammar = "root ::= \" is.\""};
    callbacks = into(&first);
    OK(jamba_chat(session, begun, 2, &chat, &options, &callbacks, &result));
    CHECK(strcmp(first.text, " is.") == 0 && result.prompt_tokens == length);
    jamba_session_free(session);
}

// Scores are those of the logits before each token.
static void use_scores(const jamba_model *model, size_t vocabulary) {
    jamba_session *scored = NULL, *stepped = NULL;
    OK(jamba_session_create(model, NULL, &scored));
    OK(jamba_session_create(model, NULL, &stepped));
    int32_t tokens[64], best[64];
    float values[64];
    const size_t count = tokens_of(model, "The cat sat on the mat and was happy.", tokens, 64);
    OK(jamba_score(scored, tokens, 4, NULL, values, best));
    OK(jamba_score(scored, tokens + 4, count - 4, NULL, values + 4, NULL));
    CHECK(isnan(values[0]) && best[0] == -1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            float *logits = logits_of(stepped, vocabulary);
            double sum = 0;
            size_t largest = 0;
            for (size_t j = 0; j < vocabulary; j++) {
                sum += exp((double)logits[j]);
                if (logits[j] > logits[largest]) largest = j;
            }
            // The sum is of numbers in single precision.
            CHECK(fabs(logits[tokens[i]] - log(sum) - values[i]) < 1e-5);
            if (i < 4) CHECK(best[i] == (int32_t)largest);
            free(logits);
        }
        OK(jamba_step(stepped, tokens[i]));
    }
    same_logits(scored, stepped, vocabulary);
    jamba_session_free(scored);
    jamba_session_free(stepped);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    CHECK(jamba_version_number() == JAMBA_VERSION_NUMBER);
    CHECK(strcmp(jamba_status_text(JAMBA_ERROR_BUSY), "busy") == 0 && *jamba_last_error() == 0);
    jamba_model *model = open_model(argv[1]);
    jamba_info info = {.struct_size = sizeof info};
    OK(jamba_model_info(model, &info));
    CHECK(info.vocabulary_count > 256 && info.layer_count > info.attention_layer_count && info.file_bytes > 0);
    CHECK(info.has_tokenizer && info.has_chat_template && info.threads > 0 && strlen(info.instruction_set) > 0);
    int32_t end_tokens[16];
    size_t end_count = 0;
    OK(jamba_model_end_tokens(model, end_tokens, 16, &end_count));
    use_text(model);
    use_sessions(model, argv[2], info.vocabulary_count);
    use_adapters(model, argv[2], info.vocabulary_count);
    use_scores(model, info.vocabulary_count);
    use_answers(model, end_tokens, end_count);

    // A session outlives its model's handle.
    jamba_session *session = NULL;
    OK(jamba_session_create(model, NULL, &session));
    jamba_model_free(model);
    OK(jamba_step(session, 5));
    jamba_session_free(session);
    return 0;
}

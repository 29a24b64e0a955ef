/*
 * jamba.h - runs Jamba language models inside another program.
 *
 * Introduction
 *
 *   A *model* is a .jamba file in memory: immutable, and shared by any number of threads and sessions. A *session* is
 *   one text in the making: the state after the tokens it has seen. A *sampler* chooses tokens from a session's
 *   logits.
 *
 *       jamba_model *model;
 *       jamba_session *session;
 *       if (jamba_model_open("demo.jamba", NULL, NULL, &model) != JAMBA_OK) return fail(jamba_last_error());
 *       if (jamba_session_create(model, NULL, &session) != JAMBA_OK) return fail(jamba_last_error());
 *       jamba_message message = {.role = "user", .content = "Hello"};
 *       jamba_callbacks callbacks = {.struct_size = sizeof callbacks, .piece = print_piece};
 *       if (jamba_chat(session, &message, 1, NULL, NULL, &callbacks, NULL) != JAMBA_OK) return fail(jamba_last_error());
 *       jamba_session_free(session);
 *       jamba_model_free(model);
 *
 * Errors
 *
 *   Functions that can fail return a jamba_status; results go through the last parameters, which a failure leaves as
 *   they were unless the function says otherwise. jamba_last_error() has the reason in a sentence. The library does
 *   not abort, exit, print or install signal handlers. NULL, sizes that are wrong, text that is not UTF-8, numbers out
 *   of range, handles that were freed or are of another kind: each is a status. A pointer to memory that is not what
 *   its type says cannot be detected.
 *
 *   Memory for weights, states and activations that cannot be had is JAMBA_ERROR_MEMORY. The Swift runtime inside the
 *   library ends the process when the system refuses it a small object; jamba_model_options.memory keeps far from
 *   there.
 *
 * Threads
 *
 *   A model may be used by any number of threads at once. A session or a sampler may move from thread to thread; a
 *   call that finds it in use by another, or by the callback it is made from, is refused with JAMBA_ERROR_BUSY.
 *   Computing uses a model's own threads. Sessions of one model that compute at the same time, each called from a thread
 *   of its own, share passes over the weights, with the same bits as alone; one thread computes for all, so a call's
 *   callbacks may be asked while it waits. A thread that calls the library should have 512 KiB of stack.
 *
 *   Handles are good in the process that made them: after fork() the child may open models of its own; inherited
 *   handles are JAMBA_ERROR_HANDLE there. Fork while no other thread is inside the library.
 *
 * Texts
 *
 *   All text is UTF-8. Texts with a length need no NUL at the end and may have some within; others end at the first
 *   NUL. Functions that write text, tokens, bytes or logits to the caller's memory take its capacity in elements and
 *   store the count that there is. With a capacity of 0 (and NULL) they store the count alone. Where the capacity is
 *   too small they store the count, write nothing else, and return JAMBA_ERROR_CAPACITY.
 *
 * Versions
 *
 *   Structs that may grow begin with struct_size: set it to sizeof, and all you do not use to zero, which means the
 *   default. A field is only ever added at the end, a function is never changed and a status never renumbered while
 *   JAMBA_VERSION_MAJOR stays. A program built for an older header works with a newer library; a newer program works
 *   with an older library as long as the fields that this does not know are zero.
 */
#ifndef JAMBA_H
#define JAMBA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define JAMBA_CHECKED __attribute__((warn_unused_result))
#else
#define JAMBA_CHECKED
#endif

/* ---- Version and errors ----------------------------------------------------------------------------------------- */

#define JAMBA_VERSION_MAJOR 0
#define JAMBA_VERSION_MINOR 1
#define JAMBA_VERSION_PATCH 0
#define JAMBA_VERSION_NUMBER (JAMBA_VERSION_MAJOR * 10000 + JAMBA_VERSION_MINOR * 100 + JAMBA_VERSION_PATCH)

/* The version of the library, as JAMBA_VERSION_NUMBER is that of the header. Any thread. */
uint32_t jamba_version_number(void);

/* What a call has come to. */
typedef enum jamba_status {
    JAMBA_OK = 0,
    /* NULL, a size or a number out of range, text that is not UTF-8, JSON that is none. */
    JAMBA_ERROR_ARGUMENT = 1,
    /* A handle that was freed, is of another kind, is none, or belongs to another process. */
    JAMBA_ERROR_HANDLE = 2,
    /* Another call is using the session or the sampler. */
    JAMBA_ERROR_BUSY = 3,
    /* The caller's memory is too small for the result; the count says how much is needed. */
    JAMBA_ERROR_CAPACITY = 4,
    /* A file cannot be opened, read or written. */
    JAMBA_ERROR_FILE = 5,
    /* A file is damaged, or not what it should be, or of a newer version; or its model comes to infinities. */
    JAMBA_ERROR_FORMAT = 6,
    /* Too little memory: within the limit, or in the system. */
    JAMBA_ERROR_MEMORY = 7,
    /* A token id is not in the vocabulary. */
    JAMBA_ERROR_TOKEN = 8,
    /* The text has reached the length that the model can see; a window has no such limit. */
    JAMBA_ERROR_CONTEXT_FULL = 9,
    /* The model file has no tokenizer. */
    JAMBA_ERROR_MISSING = 10,
    /* A saved session of another model file. */
    JAMBA_ERROR_FOREIGN_SESSION = 11,
    /* The chat template refused the conversation, or is not one. */
    JAMBA_ERROR_TEMPLATE = 12,
    /* The grammar or the JSON schema cannot be used, or came to a place where no token fits. */
    JAMBA_ERROR_GRAMMAR = 13,
    /* The session has no logits: it has read nothing yet, or was rewound to its beginning. */
    JAMBA_ERROR_NO_LOGITS = 14,
    /* Threads cannot be started. */
    JAMBA_ERROR_THREADS = 15,
    /* A callback stopped the call. */
    JAMBA_CANCELLED = 16
} jamba_status;

/* A status in a few words, such as "busy"; "unknown" for a number that is none. Lives as long as the library. */
const char *jamba_status_text(jamba_status status);

/* Why the last call that failed on this thread did: a sentence, cut at 1023 bytes. Empty where none has failed. Good
 * until the next failure on this thread; never NULL. Calls that succeed leave it alone. */
const char *jamba_last_error(void);

/* ---- Callbacks -------------------------------------------------------------------------------------------------- */

/* A step of generation: a token, and the text that became certain with it. Its pointers are good during the
 * callback. */
typedef struct jamba_piece {
    size_t struct_size;
    /* The token; -1 in a last piece that only carries text that was held back. */
    int32_t token;
    int32_t reserved;
    /* Whole characters, NUL at the end, which text_length does not count; may be empty. Never NULL. */
    const char *text;
    size_t text_length;
    /* In a chat with a model that thinks aloud: what belongs to its thoughts and so not to text. Never NULL. */
    const char *reasoning;
    size_t reasoning_length;
    /* In a chat with tools: the calls that are complete with this token, [{"name": …, "arguments": {…}}]; else
     * NULL. */
    const char *tool_calls;
} jamba_piece;

/* What a call reports while it runs. Any member may be NULL. Callbacks run on the thread that made the call, must
 * return, and must not use the session or sampler of the call, which would be JAMBA_ERROR_BUSY; everything else is
 * allowed. */
typedef struct jamba_callbacks {
    size_t struct_size;
    /* Handed to every callback. */
    void *context;
    /* Generating: the next piece. Other than 0 stops; the session keeps the tokens handed out before. */
    int (*piece)(void *context, const jamba_piece *piece);
    /* Opening a model: bytes of weights checked or read. Reading a prompt: tokens. Other than 0 stops the call, which
     * returns JAMBA_CANCELLED. */
    int (*progress)(void *context, uint64_t done, uint64_t total);
    /* Asked between the layers of a prompt and between generated tokens. Other than 0 stops: a prompt with
     * JAMBA_CANCELLED, an answer as if it had ended, with the reason JAMBA_FINISH_CANCELLED. */
    int (*cancelled)(void *context);
    /* Opening a model: a line on how it was opened, without a line break. */
    void (*log)(void *context, const char *line);
} jamba_callbacks;

/* ---- Models ----------------------------------------------------------------------------------------------------- */

typedef struct jamba_model jamba_model;

typedef enum jamba_cache_type {
    JAMBA_CACHE_DEFAULT = 0, /* f32 beside weights in f32, else int8 */
    JAMBA_CACHE_F32 = 1,
    JAMBA_CACHE_F16 = 2,
    JAMBA_CACHE_INT8 = 3,
    JAMBA_CACHE_INT4 = 4     /* for heads of 32, 64, 128 or 256 elements */
} jamba_cache_type;

typedef enum jamba_access {
    JAMBA_ACCESS_DEFAULT = 0, /* by the limit and the file's size */
    JAMBA_ACCESS_CACHED = 1,  /* through the page cache */
    JAMBA_ACCESS_DIRECT = 2   /* past it */
} jamba_access;

/* How a model is opened. NULL in its place means all defaults. */
typedef struct jamba_model_options {
    size_t struct_size;
    /* The most memory that the process may use, in bytes; 0 takes what its control group and the machine allow. With a
     * limit nothing is mapped, so that a file that is cut short is an error and not a SIGBUS. */
    uint64_t memory;
    /* The most memory for snapshots of texts, in bytes; 0 means 64 MiB. Never more than a sixteenth of the limit. */
    uint64_t snapshot_memory;
    /* Threads that compute, 1 to 1024; 0 means as many as the process may use. Does not change results. */
    uint32_t threads;
    /* Tokens of text that memory is kept for; 0 means 8192, or the model's limit where that is smaller. */
    uint32_t context;
    /* The most tokens computed together, 1 to 8192; 0 means 256. Does not change results. */
    uint32_t chunk;
    /* Sessions that memory is kept for, 1 to 1024; 0 means 1. More work as long as there is memory left. With several, a
     * prompt is computed in parts of about a second, so that the others do not have to wait for it. */
    uint32_t sessions;
    /* How sessions keep keys and values when they do not say it themselves: see jamba_session_options. */
    uint32_t window;
    uint32_t sinks;
    jamba_cache_type cache_type;
    uint32_t draft;
    jamba_access access;
    /* A chat template to use instead of the model's own; NULL for that. */
    const char *chat_template;
    /* Files of text that answers are expected to repeat parts of, such as documentation or code: sessions with a draft guess
     * from them, too. At most 64 of them and 16 MiB in all, which take three times as much memory. Do not change results. */
    const char *const *draft_texts;
    size_t draft_text_count;
    /* Other than 0 keeps counts of the experts that texts use in a file beside the model's, `path` and ".uses", so that the
     * next opening begins with those used most; where experts take turns in memory, that is. Does not change results. */
    uint32_t keep_uses;
} jamba_model_options;

typedef enum jamba_residency {
    JAMBA_RESIDENCY_MAPPED = 1, /* weights are in the mapped file; what is packed there, in memory */
    JAMBA_RESIDENCY_OWNED = 2,  /* all in memory of the library's own */
    JAMBA_RESIDENCY_EXPERTS = 3, /* all but the experts, which take turns in expert_slots */
    JAMBA_RESIDENCY_LAYERS = 4  /* kept_layers stay, the others take turns in layer_slots, experts in expert_slots */
} jamba_residency;

typedef struct jamba_plan_item {
    char name[32];
    uint64_t bytes;
} jamba_plan_item;

/* Every byte that a model and a text need. */
typedef struct jamba_plan {
    size_t struct_size;
    uint64_t limit;
    /* The sum of the items. */
    uint64_t total;
    /* The smallest limit that works for the same context. */
    uint64_t least;
    jamba_residency residency;
    uint32_t kept_layers;
    uint32_t layer_slots;
    uint32_t expert_slots;
    uint32_t context;
    uint32_t item_count;
    jamba_plan_item items[16];
} jamba_plan;

/* Where the memory would go if the file at `path` were opened with these options (NULL: defaults). Loads nothing.
 * JAMBA_ERROR_MEMORY when nothing works within the limit; jamba_last_error() then names the least that does. Set
 * plan->struct_size before the call. Any thread. */
JAMBA_CHECKED jamba_status jamba_model_plan(const char *path, const jamba_model_options *options, jamba_plan *plan);

/* Opens the .jamba file at `path`, checks its directory and makes it ready to compute. Weights are checked before they
 * are used, mapped ones when a call first comes to them: JAMBA_ERROR_FORMAT of any call that computes means that they are
 * damaged, or come to infinities, and leaves the session empty. Uses progress and log of `callbacks`. Options and
 * callbacks may be NULL, and need not live longer than the call. The caller frees the model with jamba_model_free().
 * Any thread. */
JAMBA_CHECKED jamba_status jamba_model_open(const char *path, const jamba_model_options *options,
                                            const jamba_callbacks *callbacks, jamba_model **model);

/* Frees a model; NULL and a model that was freed are left alone. Calls that are under way, and sessions, keep what
 * they need until they are done. Any thread. */
void jamba_model_free(jamba_model *model);

/* What a model is. */
typedef struct jamba_info {
    size_t struct_size;
    uint64_t file_bytes;
    /* Logits after a token; ids are smaller than this. */
    uint32_t vocabulary_count;
    uint32_t hidden_size;
    uint32_t layer_count;
    uint32_t attention_layer_count;
    /* Experts of a mixture layer, and how many a token uses; 1 and 1 for a model without. */
    uint32_t expert_count;
    uint32_t experts_per_token;
    /* The longest text without a window, in tokens. */
    uint32_t context_limit;
    uint32_t threads;
    /* The token that begins a text; -1 for none. */
    int32_t begin_token;
    uint32_t has_tokenizer;
    uint32_t has_chat_template;
    /* Of the kernels in use, such as "avx2". */
    char instruction_set[20];
} jamba_info;

/* Set info->struct_size before the call. Any thread. */
JAMBA_CHECKED jamba_status jamba_model_info(const jamba_model *model, jamba_info *info);

/* The tokens that end a text or an answer, ascending. `capacity` in tokens. Any thread. */
JAMBA_CHECKED jamba_status jamba_model_end_tokens(const jamba_model *model, int32_t *tokens, size_t capacity,
                                                  size_t *count);

/* ---- Text ------------------------------------------------------------------------------------------------------- */

/* Tokenizing: put the tokens around the text that frame it, such as the one that begins a text. */
#define JAMBA_ADD_SPECIAL 1u
/* Names of control tokens in the text become these tokens. Leave it out for what a user typed. */
#define JAMBA_PARSE_SPECIAL 2u
/* Detokenizing: leave control tokens out. */
#define JAMBA_SKIP_SPECIAL 4u
/* Formatting a chat: leave out what makes the model answer. */
#define JAMBA_NO_ANSWER 8u
/* Chats: the last message has no end, and the answer goes on with it: it is what the assistant is to begin with. The
 * answer's pieces hold what follows. */
#define JAMBA_CONTINUE 32u

/* The tokens of `length` bytes of text, at most 64 MiB. `flags`: JAMBA_ADD_SPECIAL, JAMBA_PARSE_SPECIAL. Any
 * thread. */
JAMBA_CHECKED jamba_status jamba_tokenize(const jamba_model *model, const char *text, size_t length, uint32_t flags,
                                          int32_t *tokens, size_t capacity, size_t *count);

/* The text of `count` tokens, NUL at the end, which `capacity` includes and `*length` does not. Bytes that are no
 * UTF-8 become U+FFFD. `flags`: JAMBA_SKIP_SPECIAL. Any thread. */
JAMBA_CHECKED jamba_status jamba_detokenize(const jamba_model *model, const int32_t *tokens, size_t count,
                                            uint32_t flags, char *text, size_t capacity, size_t *length);

/* A turn of a conversation. An array of these has this layout for good. */
typedef struct jamba_message {
    /* "system", "user", "assistant" or "tool": the program's word, never a user's. */
    const char *role;
    const char *content;
    /* NULL, or what an assistant thought before its answer. */
    const char *reasoning;
    /* NULL, or of an assistant the calls it made, as in jamba_piece. */
    const char *tool_calls;
    /* NULL, or of a tool's message the function's name. */
    const char *name;
} jamba_message;

typedef enum jamba_tool_use {
    JAMBA_TOOLS_FREE = 0,        /* the model calls as it likes, and writes what it likes */
    JAMBA_TOOLS_CONSTRAINED = 1, /* a call names one of the tools, and its arguments fit its parameters */
    JAMBA_TOOLS_REQUIRED = 2     /* the answer is such a call */
} jamba_tool_use;

/* What a chat template is given beside the messages. NULL in its place means nothing. Texts are JSON; NULL for
 * none. */
typedef struct jamba_chat_options {
    size_t struct_size;
    /* [{"type": "function", "function": {"name": …, "description": …, "parameters": schema}}, …] */
    const char *tools;
    /* [{"title": …, "text": …}, …], as the template wants them. */
    const char *documents;
    /* More variables of the template: an object. The program's word: names of control tokens in it count. */
    const char *variables;
    jamba_tool_use tool_use;
    /* JAMBA_PARSE_SPECIAL: names of control tokens in messages, tools and documents become those tokens.
     * JAMBA_NO_ANSWER, JAMBA_CONTINUE. */
    uint32_t flags;
} jamba_chat_options;

/* The conversation as the model's chat template prints it, NUL at the end, which `capacity` includes and `*length`
 * does not. To be read: what goes to the model is better made by jamba_chat_tokenize(), which keeps users from writing
 * control tokens. Any thread. */
JAMBA_CHECKED jamba_status jamba_chat_format(const jamba_model *model, const jamba_message *messages, size_t count,
                                             const jamba_chat_options *options, char *text, size_t capacity,
                                             size_t *length);

/* The tokens of that text. Any thread. */
JAMBA_CHECKED jamba_status jamba_chat_tokenize(const jamba_model *model, const jamba_message *messages,
                                               size_t message_count, const jamba_chat_options *options, int32_t *tokens,
                                               size_t capacity, size_t *count);

/* ---- Adapters --------------------------------------------------------------------------------------------------- */

/* A LoRA adapter that `jamba adapter` has written, in memory once, for any number of the model's sessions. */
typedef struct jamba_adapter jamba_adapter;

/* Loads an adapter for sessions of `model`. Its memory counts against the model's limit. JAMBA_ERROR_FORMAT for a file that
 * is damaged, no adapter, or of another model; JAMBA_ERROR_MEMORY when the limit leaves no room for it. The caller frees it
 * with jamba_adapter_free(). Any thread. */
JAMBA_CHECKED jamba_status jamba_adapter_load(const jamba_model *model, const char *path, jamba_adapter **adapter);

/* Frees an adapter; NULL and one that was freed are left alone. Sessions that were made with it keep it until they are
 * freed. Any thread. */
void jamba_adapter_free(jamba_adapter *adapter);

/* ---- Sessions --------------------------------------------------------------------------------------------------- */

typedef struct jamba_session jamba_session;

/* How a session keeps its text. NULL in its place means all defaults, which are those that the model was opened
 * with. */
typedef struct jamba_session_options {
    size_t struct_size;
    /* Tokens of a prompt computed together, 1 to 8192, at most the model's; 0 means those. Does not change results. */
    uint32_t chunk;
    /* Of how many tokens, itself included, a token sees keys and values; 0 means the model's, which is all unless it
     * was opened with a window. With a window a text can be of any length in constant memory. */
    uint32_t window;
    /* How many tokens at the beginning are seen for ever: fewer than the window; only with one. */
    uint32_t sinks;
    jamba_cache_type cache_type;
    /* A snapshot is kept after every so many tokens; 0 means 256, or the chunk where that is larger. */
    uint32_t snapshot_interval;
    /* The most tokens that generating guesses ahead, up to 64: the same tokens, sooner. 0 means the model's, as a rule
     * none. */
    uint32_t draft;
    /* Adapters of the same model, at most 64, whose changes are added in this order: for the life of the session, since a
     * text that was read with others has to be read anew. */
    const jamba_adapter *const *adapters;
    /* What the changes of each are multiplied by; NULL means 1. */
    const float *adapter_scales;
    size_t adapter_count;
} jamba_session_options;

/* Starts a text. The caller frees the session with jamba_session_free(). The model may be freed before. Any thread. */
JAMBA_CHECKED jamba_status jamba_session_create(const jamba_model *model, const jamba_session_options *options,
                                                jamba_session **session);

/* Goes on with a session that was saved with the same model file, with the same bits as if it had never stopped.
 * Window, sinks and cache type are those it was saved with. Adapters have to be, or it is JAMBA_ERROR_FOREIGN_SESSION. Any
 * thread. */
JAMBA_CHECKED jamba_status jamba_session_restore(const jamba_model *model, const char *path,
                                                 const jamba_session_options *options, jamba_session **session);

/* Saves the session, and `note_size` bytes of the caller's, at most 64 MiB, to be handed back by jamba_session_note().
 * The file at `path` is replaced as a whole or left as it was. One thread at a time. */
JAMBA_CHECKED jamba_status jamba_session_save(jamba_session *session, const char *path, const void *note,
                                              size_t note_size);

/* The note that a restored session was saved with; of size 0 for others. `capacity` in bytes. One thread at a time. */
JAMBA_CHECKED jamba_status jamba_session_note(const jamba_session *session, void *note, size_t capacity, size_t *size);

/* A second session with the same text. Both go on alone; the caller frees each. One thread at a time. */
JAMBA_CHECKED jamba_status jamba_session_fork(jamba_session *session, jamba_session **fork);

/* Forgets what comes after the first `token_count` tokens: the same bits as a session that has read no more. May have
 * to read some tokens again: progress of `callbacks` (NULL: none) can stop that, after which the session is empty. One
 * thread at a time. */
JAMBA_CHECKED jamba_status jamba_session_rewind(jamba_session *session, size_t token_count,
                                                const jamba_callbacks *callbacks);

/* Empties the session. One thread at a time. */
JAMBA_CHECKED jamba_status jamba_session_reset(jamba_session *session);

/* The text so far. `capacity` in tokens. One thread at a time. */
JAMBA_CHECKED jamba_status jamba_session_tokens(const jamba_session *session, int32_t *tokens, size_t capacity,
                                                size_t *count);

/* Frees a session; NULL and a session that was freed are left alone. A call that is under way keeps what it needs
 * until it is done. Any thread. */
void jamba_session_free(jamba_session *session);

/* ---- Token by token --------------------------------------------------------------------------------------------- */

/* Appends `count` tokens, as they are. Uses progress and cancelled of `callbacks`, which may be NULL. Ids and room are
 * checked before anything is computed; after JAMBA_CANCELLED, and when weights cannot be read, the session is empty.
 * One thread at a time. */
JAMBA_CHECKED jamba_status jamba_prefill(jamba_session *session, const int32_t *tokens, size_t count,
                                         const jamba_callbacks *callbacks);

/* Appends one token. One thread at a time. */
JAMBA_CHECKED jamba_status jamba_step(jamba_session *session, int32_t token);

/* The logits after the last token, jamba_info.vocabulary_count of them. `capacity` in floats. One thread at a time. */
JAMBA_CHECKED jamba_status jamba_logits(const jamba_session *session, float *logits, size_t capacity, size_t *count);

/* Appends `count` tokens as jamba_prefill() does, and stores for each how probable it was after those before it:
 * log_probabilities[i] is the natural logarithm of tokens[i]'s probability, and most_probable[i] the token that was the
 * most probable in its place, of equals the smaller id. A session that had no logits has no prediction of its first
 * token: NAN and -1. Each array has room for `count`; either may be NULL. One thread at a
 * time. */
JAMBA_CHECKED jamba_status jamba_score(jamba_session *session, const int32_t *tokens, size_t count,
                                       const jamba_callbacks *callbacks, float *log_probabilities,
                                       int32_t *most_probable);

/* What is added to a token's logit. An array of these has this layout for good. */
typedef struct jamba_logit_bias {
    /* One outside the vocabulary is passed over. */
    int32_t token;
    /* A finite number. */
    float bias;
} jamba_logit_bias;

/* How the next token is chosen from the logits, in this order: logit bias, repetition penalty, frequency and presence
 * penalty, DRY, temperature, top-n-sigma, top-k, typical-p, top-p, min-p, XTC, then a draw. NULL in its place means the
 * most probable token every time. */
typedef struct jamba_sampling {
    size_t struct_size;
    /* Same seed and same logits, same tokens, on every machine. */
    uint64_t seed;
    /* 0 to 100; 0 takes the most probable token every time, after bias and penalties. */
    float temperature;
    /* Only the most probable tokens that add up to p, 0 to 1; 0 means 1, all. */
    float top_p;
    /* Only tokens at least p times as probable as the most probable one, from 0 to below 1. */
    float min_p;
    /* Above 0 and at most 100; makes tokens less likely that are among the last repetition_window. 0 means 1, no
     * change. */
    float repetition_penalty;
    /* How many of the text's last tokens the repetition, frequency and presence penalties look at, in prompt and answer
     * alike. 0 means 64; UINT32_MAX is the whole text. */
    uint32_t repetition_window;
    /* Only the k most probable tokens; 0 means all. */
    uint32_t top_k;
    /* From here on: added to the struct after its first version. -100 to 100: taken from a token's logit as often as it is among those last tokens, and once
     * where it is. */
    float frequency_penalty;
    float presence_penalty;
    /* DRY: dry_multiplier * dry_base^(n - dry_allowed_length) is taken from the logit of a token that would lengthen a
     * repetition of n tokens, if n is at least dry_allowed_length. dry_multiplier is 0 to 100, 0 means off; dry_base is 1
     * to 100, 0 means 1.75; dry_allowed_length 0 means 2. It looks at the last dry_penalty_last_n tokens; 0 means the
     * whole text. */
    float dry_multiplier;
    float dry_base;
    uint32_t dry_allowed_length;
    uint32_t dry_penalty_last_n;
    /* XTC: with xtc_probability, 0 to 1, of the tokens that are as probable as xtc_threshold, 0 to 1, only the least
     * probable one stays. A probability of 0 means off; a threshold of 0 means 0.1. */
    float xtc_probability;
    float xtc_threshold;
    /* Only the tokens of about the expected surprise that add up to p, 0 to 1; 0 means 1, all. */
    float typical_p;
    /* The temperature is up to so much, 0 to 100, lower or higher, the lower the surer the model is; 0 means off. The
     * exponent, 0 to 100, bends the way from the lowest to the highest; 0 means 1. */
    float dynatemp_range;
    float dynatemp_exponent;
    /* Only tokens whose logit is within so many standard deviations of the largest, up to 100; 0 means all. */
    float top_n_sigma;
    /* 2 for mirostat 2 in place of all that leaves tokens out; 0 means off. It steers to a surprise of mirostat_tau
     * bits a token, up to 100, 0 means 5, and learns with mirostat_eta, up to 1, 0 means 0.1. */
    uint32_t mirostat;
    float mirostat_tau;
    float mirostat_eta;
    /* At most 65536. */
    const jamba_logit_bias *logit_bias;
    size_t logit_bias_count;
    /* Texts that DRY's repetitions do not go across, at most 64. NULL means "\n", ":", "\"" and "*"; none is a count of 0
     * and any other pointer. */
    const char *const *dry_sequence_breakers;
    size_t dry_sequence_breaker_count;
} jamba_sampling;

typedef struct jamba_sampler jamba_sampler;

/* The caller frees the sampler with jamba_sampler_free(). Any thread. */
JAMBA_CHECKED jamba_status jamba_sampler_create(const jamba_sampling *sampling, jamba_sampler **sampler);

/* Chooses a token from the session's logits, without appending it. With the same seed the draws are those of
 * jamba_generate(). One thread at a time. */
JAMBA_CHECKED jamba_status jamba_sample(jamba_sampler *sampler, const jamba_session *session, int32_t *token);

/* Frees a sampler; NULL and a sampler that was freed are left alone. Any thread. */
void jamba_sampler_free(jamba_sampler *sampler);

/* ---- Whole answers ---------------------------------------------------------------------------------------------- */

/* Go on after a token that ends the text. */
#define JAMBA_IGNORE_END 16u

/* When and how to generate. NULL in its place means all defaults. */
typedef struct jamba_generation_options {
    size_t struct_size;
    /* NULL takes the most probable token every time. */
    const jamba_sampling *sampling;
    /* Texts that end the answer, and are no part of it. */
    const char *const *stops;
    size_t stop_count;
    /* NULL, or what the answer may look like: a grammar, GBNF or Lark, or a JSON schema; not both. */
    const char *grammar;
    const char *json_schema;
    /* The most tokens to generate; 0 means 512. */
    uint32_t max_tokens;
    /* JAMBA_IGNORE_END. */
    uint32_t flags;
} jamba_generation_options;

typedef enum jamba_finish {
    JAMBA_FINISH_STOP = 1,       /* the model ended the answer, or a stop text or the grammar did */
    JAMBA_FINISH_LENGTH = 2,     /* max_tokens */
    JAMBA_FINISH_TOOL_CALLS = 3, /* the model ended the answer and wants tools called */
    JAMBA_FINISH_CANCELLED = 4   /* a callback stopped it */
} jamba_finish;

typedef struct jamba_result {
    size_t struct_size;
    jamba_finish finish;
    /* Tokens of the prompt, as given. */
    uint32_t prompt_tokens;
    /* Tokens generated. */
    uint32_t completion_tokens;
} jamba_result;

/* Appends a prompt and generates after it; in an empty session an empty prompt stands for the model's first token. The
 * pieces go to callbacks->piece. Of a prompt that begins like a text that the model has a snapshot of, only the rest
 * is computed. Afterwards the session holds the tokens before the last one that was handed out. `result` may be NULL;
 * else set result->struct_size before the call. One thread at a time. */
JAMBA_CHECKED jamba_status jamba_generate(jamba_session *session, const int32_t *tokens, size_t count,
                                          const jamba_generation_options *options, const jamba_callbacks *callbacks,
                                          jamba_result *result);

/* Empties the session, reads a conversation through the chat template and generates the answer. Give all of the
 * conversation each time, with the answers so far: what was read before is not computed again as long as snapshots
 * have room. One thread at a time. */
JAMBA_CHECKED jamba_status jamba_chat(jamba_session *session, const jamba_message *messages, size_t count,
                                      const jamba_chat_options *chat, const jamba_generation_options *options,
                                      const jamba_callbacks *callbacks, jamba_result *result);

/* ---- Answers, piece by piece ------------------------------------------------------------------------------------ */

/* An answer in the making, for callers that ask for its pieces instead of being called with them. From its beginning
 * until its last piece is out or it is freed its session is in use: other calls with that are JAMBA_ERROR_BUSY. */
typedef struct jamba_answer jamba_answer;

/* Does what jamba_generate() does before the first token, and hands out the answer to go on with. Uses progress and
 * cancelled of `callbacks`, which may be NULL. The caller frees the answer with jamba_answer_free(). One thread at a
 * time. */
JAMBA_CHECKED jamba_status jamba_generate_begin(jamba_session *session, const int32_t *tokens, size_t count,
                                                const jamba_generation_options *options,
                                                const jamba_callbacks *callbacks, jamba_answer **answer);

/* The same for jamba_chat(). One thread at a time. */
JAMBA_CHECKED jamba_status jamba_chat_begin(jamba_session *session, const jamba_message *messages, size_t count,
                                            const jamba_chat_options *chat, const jamba_generation_options *options,
                                            const jamba_callbacks *callbacks, jamba_answer **answer);

/* Generates the next piece, the same as callbacks->piece would be called with. Its pointers are good until the next call
 * with this answer. With the last piece, and not before, result->finish and its counts are stored; from then on there is
 * only an empty piece of token -1. Set struct_size of both before the call. One thread at a time. */
JAMBA_CHECKED jamba_status jamba_answer_next(jamba_answer *answer, jamba_piece *piece, jamba_result *result);

/* Ends an answer, whose session holds the tokens before the last one that was handed out, and frees it; NULL and an
 * answer that was freed are left alone. Any thread. */
void jamba_answer_free(jamba_answer *answer);

#ifdef __cplusplus
}
#endif

#endif

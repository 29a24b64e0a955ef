// The text of the last error, one for each thread, which Swift has no word for, and the names of statuses. Nothing here
// allocates, so there is nothing to free when a thread ends.
#include "error_text.h"
#include "jamba.h"

static _Thread_local char text[JAMBA_ERROR_TEXT_SIZE];

char *jamba_error_text(void) { return text; }

const char *jamba_last_error(void) { return text; }

const char *jamba_status_text(jamba_status status) {
    switch (status) {
        case JAMBA_OK: return "ok";
        case JAMBA_ERROR_ARGUMENT: return "bad argument";
        case JAMBA_ERROR_HANDLE: return "bad handle";
        case JAMBA_ERROR_BUSY: return "busy";
        case JAMBA_ERROR_CAPACITY: return "capacity too small";
        case JAMBA_ERROR_FILE: return "file cannot be read or written";
        case JAMBA_ERROR_FORMAT: return "file damaged or of another kind";
        case JAMBA_ERROR_MEMORY: return "too little memory";
        case JAMBA_ERROR_TOKEN: return "no such token";
        case JAMBA_ERROR_CONTEXT_FULL: return "context full";
        case JAMBA_ERROR_MISSING: return "no tokenizer";
        case JAMBA_ERROR_FOREIGN_SESSION: return "session of another model";
        case JAMBA_ERROR_TEMPLATE: return "chat template failed";
        case JAMBA_ERROR_GRAMMAR: return "grammar failed";
        case JAMBA_ERROR_NO_LOGITS: return "no logits";
        case JAMBA_ERROR_THREADS: return "threads cannot be started";
        case JAMBA_CANCELLED: return "cancelled";
    }
    return "unknown";
}

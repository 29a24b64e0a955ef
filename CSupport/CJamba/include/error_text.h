// For the implementation of jamba.h, not installed: the text behind jamba_last_error().
#ifndef JAMBA_ERROR_TEXT_H
#define JAMBA_ERROR_TEXT_H

#include <stddef.h>

enum { JAMBA_ERROR_TEXT_SIZE = 1024 };

// This thread's text, of JAMBA_ERROR_TEXT_SIZE bytes.
char *jamba_error_text(void);

#endif

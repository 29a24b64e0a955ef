// KaTeX 0.16.22, with which the server's page shows formulas: katex.min.js of its release, unchanged
// (SHA-256 e8d885505949f3a5f4abdd5dd0d53696bd1371ad26ffbf4f310dcd77c8cdae89).
#ifndef CKATEX_H
#define CKATEX_H
#include <stddef.h>

// The text of the script behind its license in a comment, UTF-8, `*size` bytes of the program itself.
const void *jx_katex_script(size_t *size);
#endif

// Embedded here, not as a resource of Swift: an array literal of its length takes the Swift compiler half a minute.
#include "CKaTeX.h"

#pragma clang diagnostic ignored "-Wc23-extensions"
static const unsigned char script[] = {
    '/', '*', '!', '\n',
#embed "LICENSE"
    , '*', '/', '\n',
#embed "katex.min.js"
};

const void *jx_katex_script(size_t *size) {
  *size = sizeof script;
  return script;
}

/// Lines typed at a terminal, with editing and history: libedit behind functions that Swift can call (its own take
/// variable arguments). One thread at a time.
#ifndef CLINEEDITOR_H
#define CLINEEDITOR_H

#include <stdint.h>

typedef struct line_editor line_editor;

enum { line_editor_line = 0, line_editor_end = 1, line_editor_interrupted = 2 };

/// Opens an editor on standard input that shows itself on standard error. NULL without memory or a terminal.
line_editor *line_editor_open(const char *program);

/// Lets go of it and puts the terminal back. NULL does nothing.
void line_editor_close(line_editor *editor);

/// Reads a line. On `line_editor_line`, `*line` is UTF-8 that the editor owns until the next call, without the newline at
/// its end; newlines within it were pasted, or typed with Alt-Return. Ctrl-C gives `line_editor_interrupted`, Ctrl-D in an
/// empty line `line_editor_end`.
int line_editor_read(line_editor *editor, const char *prompt, const char **line);

/// Adds a line to the history, which keeps 1,000.
void line_editor_remember(line_editor *editor, const char *line);

/// Reads or writes the history; -1 if the file cannot be. A file that is written can be read by its owner alone.
int line_editor_load_history(line_editor *editor, const char *path);
int line_editor_save_history(line_editor *editor, const char *path);

/// Columns that a character takes at a terminal: 0, 1 or 2.
int line_editor_columns(uint32_t character);

#endif

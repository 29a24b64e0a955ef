// wcwidth is an X/Open extension.
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#endif

#include "CLineEditor.h"

#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

struct line_editor {
  EditLine *edit;
  History *history;
  const char *prompt;
  char *line;
  int interrupted;
};

static line_editor *self(EditLine *edit) {
  void *data = NULL;
  el_get(edit, EL_CLIENTDATA, &data);
  return data;
}

static char *prompt(EditLine *edit) { return (char *)self(edit)->prompt; }

static unsigned char interrupt(EditLine *edit, int key) {
  (void)key;
  self(edit)->interrupted = 1;
  return CC_EOF;
}

static unsigned char suspend(EditLine *edit, int key) {
  (void)key;
  el_set(edit, EL_PREP_TERM, 0);
  kill(0, SIGTSTP);
  el_set(edit, EL_PREP_TERM, 1);
  return CC_REDISPLAY;
}

static unsigned char newline(EditLine *edit, int key) {
  (void)key;
  return el_insertstr(edit, "\n") == 0 ? CC_REFRESH : CC_ERROR;
}

// What a terminal sends between the marks of a paste is text, its line breaks included.
static unsigned char paste(EditLine *edit, int key) {
  (void)key;
  static const char end[] = "\033[201~";
  size_t capacity = 4096, count = 0;
  char *text = malloc(capacity);
  int length;
  char bytes[8];
  while (text && (length = el_getc(edit, bytes)) == 1) {
    if (count + 2 > capacity) {
      // What is more than the editor's line can hold would be refused as a whole.
      char *larger = capacity < (1u << 20) ? realloc(text, capacity *= 2) : NULL;
      if (!larger) break;
      text = larger;
    }
    text[count++] = bytes[0] == '\r' ? '\n' : bytes[0];
    if (count >= sizeof end - 1 && memcmp(text + count - (sizeof end - 1), end, sizeof end - 1) == 0) {
      count -= sizeof end - 1;
      break;
    }
  }
  if (!text) return CC_ERROR;
  text[count] = 0;
  int status = count ? el_insertstr(edit, text) : 0;
  free(text);
  return status == 0 ? CC_REFRESH : CC_ERROR;
}

// Characters are read and measured by the locale: without one, take what every system has for UTF-8.
static void use_utf8(void) {
  static int done;
  if (done) return;
  done = 1;
  setlocale(LC_CTYPE, "");
  if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0 && !setlocale(LC_CTYPE, "C.UTF-8")) setlocale(LC_CTYPE, "en_US.UTF-8");
}

int line_editor_columns(uint32_t character) {
  use_utf8();
  const int columns = wcwidth((wchar_t)character);
  return columns < 0 ? 0 : columns;
}

line_editor *line_editor_open(const char *program) {
  use_utf8();
  line_editor *editor = calloc(1, sizeof *editor);
  if (!editor) return NULL;
  editor->edit = el_init(program, stdin, stderr, stderr);
  editor->history = history_init();
  if (!editor->edit || !editor->history) {
    line_editor_close(editor);
    return NULL;
  }
  HistEvent event;
  history(editor->history, &event, H_SETSIZE, 1000);
  history(editor->history, &event, H_SETUNIQUE, 1);
  EditLine *edit = editor->edit;
  el_set(edit, EL_CLIENTDATA, editor);
  el_set(edit, EL_PROMPT, prompt);
  el_set(edit, EL_EDITOR, "emacs");
  el_set(edit, EL_HIST, history, editor->history);
  el_set(edit, EL_ADDFN, "jamba-interrupt", "Gives the line up", interrupt);
  el_set(edit, EL_ADDFN, "jamba-suspend", "Suspends the program", suspend);
  el_set(edit, EL_ADDFN, "jamba-newline", "Inserts a line break", newline);
  el_set(edit, EL_ADDFN, "jamba-paste", "Inserts a paste", paste);
  // While a line is edited Ctrl-C is a key; while an answer is computed it is a signal.
  el_set(edit, EL_SETTY, "-d", "-isig", NULL);
  el_set(edit, EL_BIND, "^C", "jamba-interrupt", NULL);
  el_set(edit, EL_BIND, "^Z", "jamba-suspend", NULL);
  el_set(edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
  el_set(edit, EL_BIND, "\033\r", "jamba-newline", NULL);
  el_set(edit, EL_BIND, "\033\n", "jamba-newline", NULL);
  el_set(edit, EL_BIND, "\033[200~", "jamba-paste", NULL);
  el_set(edit, EL_BIND, "\033[1;5C", "em-next-word", NULL);
  el_set(edit, EL_BIND, "\033[1;5D", "ed-prev-word", NULL);
  el_set(edit, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
  el_source(edit, NULL);
  return editor;
}

void line_editor_close(line_editor *editor) {
  if (!editor) return;
  if (editor->edit) el_end(editor->edit);
  if (editor->history) history_end(editor->history);
  free(editor->line);
  free(editor);
}

int line_editor_read(line_editor *editor, const char *prompt, const char **line) {
  editor->prompt = prompt;
  editor->interrupted = 0;
  int count = 0;
  fputs("\033[?2004h", stderr);
  errno = 0;
  const char *text = el_gets(editor->edit, &count);
  // A signal from elsewhere ends the wait as Ctrl-C does.
  if ((!text || count <= 0) && errno == EINTR) editor->interrupted = 1;
  fputs("\033[?2004l", stderr);
  fflush(stderr);
  if (editor->interrupted) return line_editor_interrupted;
  if (!text || count <= 0) return line_editor_end;
  free(editor->line);
  editor->line = strdup(text);
  if (!editor->line) return line_editor_end;
  size_t length = strlen(editor->line);
  if (length && editor->line[length - 1] == '\n') editor->line[length - 1] = 0;
  *line = editor->line;
  return line_editor_line;
}

void line_editor_remember(line_editor *editor, const char *line) {
  HistEvent event;
  history(editor->history, &event, H_ENTER, line);
}

int line_editor_load_history(line_editor *editor, const char *path) {
  HistEvent event;
  return history(editor->history, &event, H_LOAD, path) < 0 ? -1 : 0;
}

int line_editor_save_history(line_editor *editor, const char *path) {
  HistEvent event;
  mode_t mask = umask(077);
  int count = history(editor->history, &event, H_SAVE, path);
  umask(mask);
  return count < 0 ? -1 : 0;
}

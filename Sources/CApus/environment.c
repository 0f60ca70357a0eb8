/* Files of `environmentFile`, in the grammar of systemd's EnvironmentFile=, and `expand`: variables
 * in arguments, as systemd.service(5) has them. */
#include <errno.h>
#include <stdbool.h>

#include "raw.h"
#include "steps.h"

enum { FILE_BIT = 8, LINE_BIT = 14, MOST_LINES = 0x1ffff };

CHILD bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

CHILD bool is_name(char c, bool is_first) {
  return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9' && !is_first);
}

/* Puts an entry in place of one of the same name, or behind the last. */
CHILD bool set(struct capus_plan *plan, char *entry) {
  char **at = plan->environment;
  for (; *at; at++) {
    size_t same = 0;
    while ((*at)[same] == entry[same] && entry[same] != '=')
      same++;
    if ((*at)[same] == '=' && entry[same] == '=')
      break;
  }
  if (*at == NULL) {
    if (plan->environment_room == 0)
      return false;
    plan->environment_room--;
    at[1] = NULL;
  }
  *at = entry;
  return true;
}

/* Takes one value off `*from`, unquoted into `to`; NULL when it is none. What is written is never
 * longer than what was read, so both share their memory. */
CHILD char *take_value(char **from, const char *end, char *to, uint32_t *line) {
  char *kept = to, *at = *from;
  char quote = 0;
  bool is_plain = false;
  for (; at < end && (quote || *at != '\n'); at++) {
    char c = *at;
    if (c == 0)
      return NULL;
    if (c == '\n')
      ++*line;
    if (c == quote && quote) {
      quote = 0;
      is_plain = false;
      continue;
    }
    if (c == '\\' && quote != '\'' && at + 1 < end) {
      c = *++at;
      is_plain = is_plain || !quote;
      if (c == '\n') {
        ++*line;
        continue;
      }
      if (quote && c != '"' && c != '\\' && c != '`' && c != '$')
        *to++ = '\\';
    } else if (!quote && !is_plain && (c == '"' || c == '\'')) {
      quote = c;
      continue;
    } else if (!quote && is_blank(c)) {
      if (is_plain)
        *to++ = c;
      continue;
    } else {
      is_plain = is_plain || !quote;
    }
    *to++ = c;
    kept = to;
  }
  *from = at;
  return quote ? NULL : kept;
}

/* A comment goes on after a line that ends in a backslash, as a value does. */
CHILD char *skip_comment(char *at, const char *end, uint32_t *line) {
  for (; at < end && *at != '\n'; at++)
    if (*at == '\\' && at + 1 < end && *++at == '\n')
      ++*line;
  return at;
}

CHILD long parse(struct capus_plan *plan, char *at, const char *end, uint32_t *line) {
  while (at < end) {
    if (*at == '\n' || is_blank(*at)) {
      *line += *at++ == '\n';
      continue;
    }
    if (*at == '#' || *at == ';') {
      at = skip_comment(at, end, line);
      continue;
    }
    char *entry = at;
    while (at < end && is_name(*at, at == entry))
      at++;
    char *to = at;
    while (at < end && is_blank(*at))
      at++;
    if (to == entry || at == end || *at++ != '=')
      return -EINVAL;
    *to++ = '=';
    const uint32_t first = *line;
    to = take_value(&at, end, to, line);
    if (to == NULL) {
      *line = first;
      return -EINVAL;
    }
    /* At the end of the line at the latest, which is passed here. */
    *line += at < end;
    at++;
    *to = 0;
    if (!set(plan, entry))
      return -E2BIG;
  }
  return 0;
}

CHILD_CODE long capus_read_environment(struct capus_plan *plan, const struct capus_step *step) {
  const char *path = step->text;
  const bool is_optional = *path == '-';
  uint32_t line = 0, count = 0;
  long result = capus_open_for(plan, path + is_optional, O_RDONLY | O_NONBLOCK, 0);
  if (result < 0 && is_optional)
    return 0;
  if (result >= 0) {
    const int fd = (int)result;
    /* One byte stays for the end of the last entry. */
    while (count + 1 < plan->file_room && result >= 0) {
      result = raw3(SYS_read, fd, plan->file_text + count, plan->file_room - 1 - count);
      if (result <= 0)
        break;
      count += (uint32_t)result;
    }
    raw1(SYS_close, fd);
    if (result > 0)
      result = -E2BIG;
  }
  if (result == 0) {
    char *text = plan->file_text;
    plan->file_text += count + 1;
    plan->file_room -= count + 1;
    line = 1;
    result = parse(plan, text, text + count, &line);
  }
  if (line > MOST_LINES)
    line = MOST_LINES;
  return result < 0 ? result - (long)(step->first << FILE_BIT) - (long)(line << LINE_BIT) : 0;
}

/* How many bytes at the start are a variable's name. */
CHILD uint32_t name_length(const char *text) {
  uint32_t length = 0;
  while (is_name(text[length], length == 0))
    length++;
  return length;
}

/* The value of a variable, empty where there is none. */
CHILD const char *value_of(const struct capus_plan *plan, const char *name, uint32_t length) {
  for (char **at = plan->environment; *at; at++) {
    uint32_t same = 0;
    while (same < length && (*at)[same] == name[same])
      same++;
    if (same == length && (*at)[same] == '=')
      return *at + same + 1;
  }
  return "";
}

/* One byte stays free for the NUL at the end of a word. */
CHILD bool put_byte(struct capus_plan *plan, char byte) {
  if (plan->word_bytes < 1 + (byte != 0))
    return false;
  plan->word_bytes--;
  *plan->word_text++ = byte;
  return true;
}

CHILD bool put_word(struct capus_plan *plan, uint32_t *count, char *word) {
  if (*count + 1 >= plan->word_room)
    return false;
  plan->words[(*count)++] = word;
  return true;
}

/* Adds the words of a value; quotes hold blanks together, a backslash takes the next byte as it is.
 */
CHILD bool put_words(struct capus_plan *plan, uint32_t *count, const char *value) {
  for (;;) {
    while (is_blank(*value) || *value == '\n')
      value++;
    if (*value == 0)
      return true;
    if (!put_word(plan, count, plan->word_text))
      return false;
    char quote = 0;
    for (; *value && (quote || !(is_blank(*value) || *value == '\n')); value++) {
      if (quote ? *value == quote : *value == '"' || *value == '\'') {
        quote = quote ? 0 : *value;
        continue;
      }
      if (*value == '\\' && quote != '\'' && value[1] != 0)
        value++;
      if (!put_byte(plan, *value))
        return false;
    }
    if (!put_byte(plan, 0))
      return false;
  }
}

/* `${NAME}` is the value, `$$` is `$`. */
CHILD bool put_text(struct capus_plan *plan, const char *text) {
  while (*text) {
    const uint32_t length = text[0] == '$' && text[1] == '{' ? name_length(text + 2) : 0;
    if (length > 0 && text[2 + length] == '}') {
      for (const char *at = value_of(plan, text + 2, length); *at; at++)
        if (!put_byte(plan, *at))
          return false;
      text += length + 3;
      continue;
    }
    if (!put_byte(plan, *text))
      return false;
    text += 1 + (text[0] == '$' && text[1] == '$');
  }
  return put_byte(plan, 0);
}

CHILD_CODE long capus_expand(struct capus_plan *plan) {
  char **from = plan->arguments;
  uint32_t count = 0;
  /* The program's name stays as it is. */
  for (uint32_t index = 0; from[index]; index++) {
    const char *text = from[index];
    const uint32_t length = text[0] == '$' ? name_length(text + 1) : 0;
    bool fits;
    if (index == 0)
      fits = put_word(plan, &count, from[0]);
    else if (length > 0 && text[1 + length] == 0)
      fits = put_words(plan, &count, value_of(plan, text + 1, length));
    else
      fits = put_word(plan, &count, plan->word_text) && put_text(plan, text);
    if (!fits)
      return -E2BIG;
  }
  plan->words[count] = NULL;
  plan->arguments = plan->words;
  return 0;
}

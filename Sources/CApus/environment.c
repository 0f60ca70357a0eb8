/* Files of `environmentFile`, in the grammar of systemd's EnvironmentFile=. */
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

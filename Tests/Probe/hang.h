/* See hang.c. */
void send_hanging(const char *what, const char *door, const char *path);

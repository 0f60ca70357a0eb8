/* See hang.c. */
void send_hanging(const char *what, const char *door, const char *path);
void stay_mute(const char *path, int count, int uid, int gid);

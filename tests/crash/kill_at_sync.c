/* LD_PRELOAD: SIGKILL at the SYNC_KILL_AT-th sync of the file named SYNC_KILL_FILE, which is empty at the start.

   With SYNC_KILL="after" the sync is done first.  With "before" it is not, and what was written since the sync
   before is lost, as it may be when the power fails: a SIGKILL alone loses nothing that was written. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int syncs;
static off_t synced_bytes;

static int is_watched(int fd) {
    const char *name = getenv("SYNC_KILL_FILE");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (name == NULL || length < 0)
        return 0;
    path[length] = 0;
    const char *slash = strrchr(path, '/');
    return slash != NULL && strcmp(slash + 1, name) == 0;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static int sync_with(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (!is_watched(fd))
        return real(fd);
    int is_last = ++syncs == atoi(getenv("SYNC_KILL_AT"));
    if (is_last && strcmp(getenv("SYNC_KILL"), "before") == 0) {
        if (ftruncate(fd, synced_bytes) != 0)
            abort();
        die();
    }
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        abort();
    int result = real(fd);
    if (is_last)
        die();
    synced_bytes = facts.st_size;
    return result;
}

int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }

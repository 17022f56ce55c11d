/* LD_PRELOAD: the sync that finds the file named by SYNC_FAULT takes it away, lasts long, and fails with EIO. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fault(void) {
    const char *sign = getenv("SYNC_FAULT");
    return sign != NULL && unlink(sign) == 0 && usleep(500 * 1000) == 0;
}

static int sync_with(const char *name, int fd) {
    if (fault()) {
        errno = EIO;
        return -1;
    }
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return real(fd);
}

int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }

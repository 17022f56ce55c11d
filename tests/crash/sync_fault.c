/* LD_PRELOAD: every sync fails with EIO for as long as the file named by SYNC_FAULT exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fault(void) {
    const char *sign = getenv("SYNC_FAULT");
    return sign != NULL && access(sign, F_OK) == 0;
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

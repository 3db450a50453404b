/* A disk that goes wrong, for tests: preloaded into a process, it stands between that and the files in one folder.
 *
 *   DISK_DIR       the folder: what is elsewhere is left alone
 *   DISK_LOG       everything that changes the folder is written down here, in order, with the syncs in between and with
 *                  what the process says on its standard output; a test makes out of that what a power cut leaves
 *   DISK_FAULT     a file with "ERRNO FIRST COUNT": of the calls that change the folder, counted from 0 since the file
 *                  was last replaced, COUNT fail with ERRNO from the one numbered FIRST on; -1 means all. A write that
 *                  fails has written half. The first that fails makes the file DISK_FAULT.fired. No file, no fault.
 *   DISK_SYNC_US   a sync takes so many microseconds longer
 *   DISK_BYTES_S   no more than so many bytes are written in a second
 *
 * The log is made of lines, and bytes after those that name a length:
 *   C path          made
 *   W off len path  written, bytes follow
 *   T len path      truncated
 *   S path          synced, a file or a folder
 *   U path          removed
 *   A len           said on the standard output, bytes follow
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FDS 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *paths[MOST_FDS]; /* of open files in the folder */
static const char *folder, *fault;
static int log_fd = -1;
static long sync_us, bytes_s;


__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("DISK_LOG"), *us = getenv("DISK_SYNC_US"), *pace = getenv("DISK_BYTES_S");
    folder = getenv("DISK_DIR");
    fault = getenv("DISK_FAULT");
    sync_us = us ? atol(us) : 0;
    bytes_s = pace ? atol(pace) : 0;
    if (log) log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int is_ours(const char *path) { return folder && path && strncmp(path, folder, strlen(folder)) == 0; }

static char *path_of(int fd) { return fd >= 0 && fd < MOST_FDS ? paths[fd] : NULL; }

static void note(const void *bytes, size_t len, const char *format, ...) {
    char line[4500];
    va_list values;
    if (log_fd < 0) return;
    va_start(values, format);
    int n = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    struct iovec parts[2] = {{line, (size_t)n}, {(void *)bytes, len}};
    if (syscall(SYS_writev, log_fd, parts, len ? 2 : 1) != (long)(n + len)) abort();
}

/* Whether this call is to fail, as an errno. */
static int fails(void) {
    static struct stat seen;
    static long calls, first, count;
    static int error;
    struct stat now;
    if (!fault) return 0;
    if (stat(fault, &now) != 0) { seen.st_ino = 0; return 0; }
    if (now.st_ino != seen.st_ino || memcmp(&now.st_mtim, &seen.st_mtim, sizeof now.st_mtim) != 0) {
        char text[64] = {0};
        int fd = syscall(SYS_openat, AT_FDCWD, fault, O_RDONLY | O_CLOEXEC, 0);
        if (fd < 0 || syscall(SYS_read, fd, text, sizeof text - 1) < 0) abort();
        syscall(SYS_close, fd);
        if (sscanf(text, "%d %ld %ld", &error, &first, &count) != 3) abort();
        seen = now;
        calls = 0;
    }
    long call = calls++;
    if (call < first || (count >= 0 && call >= first + count)) return 0;
    char fired[4200];
    snprintf(fired, sizeof fired, "%s.fired", fault);
    int fd = syscall(SYS_openat, AT_FDCWD, fired, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) syscall(SYS_close, fd);
    return error;
}

static int opened(int fd, const char *path, int existed) {
    if (fd >= 0 && fd < MOST_FDS) {
        paths[fd] = strdup(path);
        if (!existed) note(NULL, 0, "C %s\n", path);
    }
    return fd;
}

static int open_it(int dir, const char *path, int flags, mode_t mode) {
    if (!is_ours(path)) return syscall(SYS_openat, dir, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat found;
    int existed = stat(path, &found) == 0, error = flags & O_CREAT ? fails() : 0, fd = -1;
    if (error) errno = error;
    else fd = opened((int)syscall(SYS_openat, dir, path, flags, mode), path, existed);
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(name, parameters, dir)                                                                                    \
    int name parameters {                                                                                              \
        mode_t mode = 0;                                                                                               \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                                           \
            va_list values;                                                                                            \
            va_start(values, flags);                                                                                   \
            mode = va_arg(values, mode_t);                                                                             \
            va_end(values);                                                                                            \
        }                                                                                                              \
        return open_it(dir, path, flags, mode);                                                                        \
    }
OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN(openat, (int at, const char *path, int flags, ...), at)
OPEN(openat64, (int at, const char *path, int flags, ...), at)

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (path_of(fd)) { free(paths[fd]); paths[fd] = NULL; }
    pthread_mutex_unlock(&lock);
    return syscall(SYS_close, fd);
}

static ssize_t write_at(int fd, const void *bytes, size_t len, off_t at, int moves) {
    if (bytes_s) usleep((useconds_t)(len * 1000000 / (size_t)bytes_s));
    pthread_mutex_lock(&lock);
    int error = fails();
    size_t some = error ? len / 2 : len;
    ssize_t wrote = moves ? syscall(SYS_write, fd, bytes, some) : syscall(SYS_pwrite64, fd, bytes, some, at);
    if (wrote > 0) note(bytes, (size_t)wrote, "W %ld %ld %s\n", (long)at, (long)wrote, paths[fd]);
    if (error) { errno = error; wrote = -1; }
    pthread_mutex_unlock(&lock);
    return wrote;
}

ssize_t write(int fd, const void *bytes, size_t len) {
    if (path_of(fd)) return write_at(fd, bytes, len, lseek(fd, 0, SEEK_CUR), 1);
    if (fd != 1) return syscall(SYS_write, fd, bytes, len);
    pthread_mutex_lock(&lock);
    ssize_t wrote = syscall(SYS_write, fd, bytes, len);
    if (wrote > 0) note(bytes, (size_t)wrote, "A %ld\n", (long)wrote);
    pthread_mutex_unlock(&lock);
    return wrote;
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) {
    if (path_of(fd)) return write_at(fd, bytes, len, at, 0);
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) { return pwrite64(fd, bytes, len, at); }

int ftruncate64(int fd, off_t len) {
    if (!path_of(fd)) return syscall(SYS_ftruncate, fd, len);
    pthread_mutex_lock(&lock);
    int error = fails(), done = -1;
    if (error) errno = error;
    else if ((done = syscall(SYS_ftruncate, fd, len)) == 0) note(NULL, 0, "T %ld %s\n", (long)len, paths[fd]);
    pthread_mutex_unlock(&lock);
    return done;
}
int ftruncate(int fd, off_t len) { return ftruncate64(fd, len); }

static int sync_it(int fd, long call) {
    if (!path_of(fd)) return syscall(call, fd);
    if (sync_us) usleep((useconds_t)sync_us);
    pthread_mutex_lock(&lock);
    int error = fails(), done = -1;
    if (error) errno = error;
    else if ((done = syscall(call, fd)) == 0) note(NULL, 0, "S %s\n", paths[fd]);
    pthread_mutex_unlock(&lock);
    return done;
}
int fsync(int fd) { return sync_it(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_it(fd, SYS_fdatasync); }

int unlink(const char *path) {
    if (!is_ours(path)) return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    pthread_mutex_lock(&lock);
    int error = fails(), done = -1;
    if (error) errno = error;
    else if ((done = syscall(SYS_unlinkat, AT_FDCWD, path, 0)) == 0) note(NULL, 0, "U %s\n", path);
    pthread_mutex_unlock(&lock);
    return done;
}

/* A CUDA driver in ordinary memory: what engines/cuda.py and engines/gpu.py call, and nothing else. It takes the place of
   libcuda.so.1 so that the real cuda-python (or PyCUDA) can be exercised on a machine without a GPU. Copies are recorded while a
   stream captures and replayed when its graph is launched. Live allocations are counted; environment variables make it fail:
   DOUBLE_INIT=<status of cuInit>, DOUBLE_MEMORY=<bytes on the device>. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int status;
enum { SUCCESS = 0, INVALID = 1, OUT_OF_MEMORY = 2, NOT_FOUND = 500 };
enum { MOST = 64 };

struct copy { void *to; const void *from; size_t size; };
struct graph { int count; struct copy copies[MOST]; };

static struct { void *at; size_t size; } device[MOST];
static size_t used;
static int contexts, pushed, host_blocks, streams, graphs;
static struct graph *recording;

static size_t device_bytes(void) { const char *text = getenv("DOUBLE_MEMORY"); return text ? strtoull(text, 0, 10) : 8ull << 30; }

/* What is still held: contexts, pushes, device and host allocations, streams, graphs. */
void double_held(int *out) {
    int blocks = 0;
    for (int i = 0; i < MOST; i++) blocks += device[i].at != 0;
    int held[] = {contexts, pushed, blocks, host_blocks, streams, graphs};
    memcpy(out, held, sizeof held);
}

status cuInit(unsigned flags) { (void)flags; const char *text = getenv("DOUBLE_INIT"); return text ? atoi(text) : SUCCESS; }
status cuDriverGetVersion(int *version) { *version = 13000; return SUCCESS; }
status cuDeviceGetCount(int *count) { *count = 1; return SUCCESS; }
status cuDeviceGet(int *dev, int ordinal) { *dev = ordinal; return ordinal == 0 ? SUCCESS : INVALID; }
status cuDeviceGetName(char *name, int size, int dev) { (void)dev; snprintf(name, size, "Driver double"); return SUCCESS; }
status cuDeviceTotalMem_v2(size_t *bytes, int dev) { (void)dev; *bytes = device_bytes(); return SUCCESS; }
status cuDeviceGetAttribute(int *value, int which, int dev) {
    (void)dev;
    *value = which == 75 ? 8 : which == 76 ? 6 : which == 16 ? 28 : which == 13 ? 1777000 : 0;
    return SUCCESS;
}
status cuDevicePrimaryCtxRetain(void **context, int dev) { (void)dev; contexts++; *context = &contexts; return SUCCESS; }
status cuDevicePrimaryCtxRelease_v2(int dev) { (void)dev; contexts--; return SUCCESS; }
status cuCtxPushCurrent_v2(void *context) { pushed++; return context == &contexts ? SUCCESS : INVALID; }
status cuCtxPopCurrent_v2(void **context) { pushed--; if (context) *context = &contexts; return pushed < 0 ? INVALID : SUCCESS; }
status cuCtxGetCurrent(void **context) { *context = pushed > 0 ? &contexts : 0; return SUCCESS; }
status cuCtxGetDevice(int *dev) { *dev = 0; return SUCCESS; }
status cuStreamCreate(void **stream, unsigned flags) { (void)flags; streams++; *stream = &streams; return SUCCESS; }
status cuStreamDestroy_v2(void *stream) { (void)stream; streams--; return SUCCESS; }
status cuStreamSynchronize(void *stream) { return stream == &streams ? SUCCESS : INVALID; }

status cuMemAlloc_v2(uint64_t *at, size_t size) {
    if (used + size > device_bytes()) return OUT_OF_MEMORY;
    for (int i = 0; i < MOST; i++)
        if (!device[i].at) {
            device[i].at = malloc(size);
            device[i].size = size;
            used += size;
            *at = (uint64_t)(uintptr_t)device[i].at;
            return SUCCESS;
        }
    return OUT_OF_MEMORY;
}
status cuMemFree_v2(uint64_t at) {
    for (int i = 0; i < MOST; i++)
        if (device[i].at == (void *)(uintptr_t)at) {
            used -= device[i].size;
            free(device[i].at);
            device[i].at = 0;
            return SUCCESS;
        }
    return INVALID;
}
status cuMemHostAlloc(void **at, size_t size, unsigned flags) { (void)flags; host_blocks++; *at = malloc(size); return SUCCESS; }
status cuMemFreeHost(void *at) { host_blocks--; free(at); return SUCCESS; }

static status copy(void *to, const void *from, size_t size, void *stream) {
    if (stream != &streams) return INVALID;
    if (!recording) { memcpy(to, from, size); return SUCCESS; }
    if (recording->count == MOST) return OUT_OF_MEMORY;
    recording->copies[recording->count++] = (struct copy){to, from, size};
    return SUCCESS;
}
status cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, void *stream) {
    return copy((void *)(uintptr_t)to, from, size, stream);
}
status cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, void *stream) {
    return copy(to, (const void *)(uintptr_t)from, size, stream);
}

status cuStreamBeginCapture_v2(void *stream, int mode) {
    if (stream != &streams || recording || mode < 0 || mode > 2) return INVALID;
    recording = calloc(1, sizeof *recording);
    return SUCCESS;
}
status cuStreamEndCapture(void *stream, void **graph) {
    if (stream != &streams || !recording) return INVALID;
    *graph = recording;
    recording = 0;
    return SUCCESS;
}
status cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long flags) {
    (void)flags;
    graphs++;
    *executable = memcpy(malloc(sizeof(struct graph)), graph, sizeof(struct graph));
    return SUCCESS;
}
status cuGraphDestroy(void *graph) { free(graph); return SUCCESS; }
status cuGraphExecDestroy(void *executable) { graphs--; free(executable); return SUCCESS; }
status cuGraphLaunch(void *executable, void *stream) {
    struct graph *graph = executable;
    for (int i = 0; i < graph->count; i++) memcpy(graph->copies[i].to, graph->copies[i].from, graph->copies[i].size);
    return stream == &streams ? SUCCESS : INVALID;
}
status cuGetErrorName(int code, const char **name) { *name = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR"; return SUCCESS; }
status cuGetErrorString(int code, const char **text) { *text = code == OUT_OF_MEMORY ? "out of memory" : "error"; return SUCCESS; }

/* cuda-python asks for every function by its name without the version. */
#include <dlfcn.h>
status cuGetProcAddress_v2(const char *name, void **at, int version, uint64_t flags, int *found) {
    (void)version, (void)flags;
    char longer[128];
    void *self = dlopen(0, RTLD_LAZY);
    (void)self;
    snprintf(longer, sizeof longer, "%s_v2", name);
    *at = dlsym(RTLD_DEFAULT, longer);
    if (!*at) *at = dlsym(RTLD_DEFAULT, name);
    if (!*at && !strcmp(name, "cuGraphInstantiate")) *at = (void *)cuGraphInstantiateWithFlags;
    if (!*at && !strcmp(name, "cuGetProcAddress")) *at = (void *)cuGetProcAddress_v2;
    if (found) *found = *at ? 0 : 1;
    return *at ? SUCCESS : NOT_FOUND;
}
status cuGetProcAddress(const char *name, void **at, int version, uint64_t flags) { return cuGetProcAddress_v2(name, at, version, flags, 0); }

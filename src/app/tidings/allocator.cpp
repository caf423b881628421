// Settings of jemalloc, which takes the place of the C library's allocator in a release: what one thread allocates and
// another one frees, as a message on its way from the loop to the writer and back, costs it half. Memory that is no longer
// used goes back to the system in seconds, also when nothing happens any more.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:0";
}

/* The end of what native_begin.h begins. */
#ifdef GM_NATIVE_PUSHED
#pragma GCC pop_options
#undef GM_NATIVE_PUSHED
#endif

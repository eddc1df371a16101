# Toolchain file: the gateway for Debian's arm64, by the compiler of another architecture with libraries that are installed beside its own
# (packaging/release --arch arm64).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
foreach(language C CXX ASM)
  set(CMAKE_${language}_COMPILER_TARGET ${CMAKE_LIBRARY_ARCHITECTURE})
endforeach()
set(CMAKE_OBJCOPY /usr/bin/${CMAKE_LIBRARY_ARCHITECTURE}-objcopy)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/pkgconfig:/usr/share/pkgconfig)

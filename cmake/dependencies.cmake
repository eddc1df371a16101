# Libraries, each with its reason in docs/decisions/0003-libraries.md.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(GMIME REQUIRED IMPORTED_TARGET gmime-3.0)
pkg_check_modules(GLIB REQUIRED glib-2.0)  # gmime's; for case folding
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(CRYPT REQUIRED IMPORTED_TARGET libcrypt)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(STRINGPREP REQUIRED IMPORTED_TARGET libidn)
pkg_check_modules(PSL REQUIRED IMPORTED_TARGET libpsl)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(PGSQL REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(MARIADB REQUIRED libmariadb)  # linked by its path: its headers are mariadb/*.h
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares)
pkg_check_modules(LDAP REQUIRED IMPORTED_TARGET ldap lber)
pkg_check_modules(LUA REQUIRED IMPORTED_TARGET lua5.4)
pkg_check_modules(FMT REQUIRED IMPORTED_TARGET fmt)
# The unbound .pc file names private libraries whose -dev packages are not pulled in.
find_library(UNBOUND_LIBRARY unbound REQUIRED)
add_library(postern_unbound INTERFACE)
target_link_libraries(postern_unbound INTERFACE ${UNBOUND_LIBRARY})

# Archives of backups: the parts of libarchive for tar and zstd, cut from its static library. The whole library would bring those of every
# other format into the process, liblzma and libxml2 among them (docs/decisions/0071-backup.md).
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
find_library(ARCHIVE_LIBRARY libarchive.a REQUIRED)
find_program(RELOCATING_LINKER NAMES ${CMAKE_LIBRARY_ARCHITECTURE}-ld.bfd ld.bfd REQUIRED)
set(archive_functions
    archive_entry_filetype archive_entry_free archive_entry_hardlink archive_entry_new archive_entry_pathname
    archive_entry_set_filetype archive_entry_set_pathname archive_entry_set_perm archive_entry_set_size
    archive_entry_size archive_entry_size_is_set archive_entry_sparse_count archive_entry_symlink archive_errno
    archive_error_string archive_read_data archive_read_free archive_read_new archive_read_next_header
    archive_read_open archive_read_support_filter_zstd archive_read_support_format_tar
    archive_set_error archive_write_add_filter_zstd archive_write_close archive_write_data archive_write_free
    archive_write_header archive_write_new archive_write_open archive_write_set_bytes_in_last_block
    archive_write_set_format_option archive_write_set_format_pax_restricted)
list(TRANSFORM archive_functions PREPEND "-u;" OUTPUT_VARIABLE archive_roots)
set(archive_object ${CMAKE_BINARY_DIR}/postern_archive.o)
add_custom_command(OUTPUT ${archive_object}
                   COMMAND ${RELOCATING_LINKER} -r --gc-sections -e archive_read_new ${archive_roots} ${ARCHIVE_LIBRARY} -o ${archive_object}
                   DEPENDS ${ARCHIVE_LIBRARY} ${CMAKE_CURRENT_LIST_FILE}
                   COMMENT "tar and zstd of libarchive")
add_library(postern_archive STATIC ${archive_object})
set_target_properties(postern_archive PROPERTIES LINKER_LANGUAGE C)
target_link_libraries(postern_archive PUBLIC PkgConfig::ZSTD)

# Boost.Asio is compiled once (cmake/asio.cc) instead of in every translation unit.
add_library(postern_asio STATIC ${CMAKE_SOURCE_DIR}/cmake/asio.cc)
target_compile_definitions(postern_asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION
                           BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(postern_asio PUBLIC Boost::headers Threads::Threads OpenSSL::SSL
                      OpenSSL::Crypto)

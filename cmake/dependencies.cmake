# Libraries, each with its reason in docs/decisions/0003-libraries.md.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(GMIME REQUIRED IMPORTED_TARGET gmime-3.0)
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

# Boost.Asio is compiled once (cmake/asio.cc) instead of in every translation unit.
add_library(postern_asio STATIC ${CMAKE_SOURCE_DIR}/cmake/asio.cc)
target_compile_definitions(postern_asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION
                           BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(postern_asio PUBLIC Boost::headers Threads::Threads OpenSSL::SSL
                      OpenSSL::Crypto)

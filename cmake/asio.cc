// The one translation unit that compiles Boost.Asio; everything else links the `postern_asio`
// library, which defines BOOST_ASIO_SEPARATE_COMPILATION for all.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>

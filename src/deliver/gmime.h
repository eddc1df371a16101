// GMime behind plain types. Only this folder's MIME sources and gmime_stream.h include
// its headers.
#pragma once

#include <string>
#include <string_view>

struct _GMimeParserOptions;

namespace postern::deliver::gmime {

/// Initialises GMime once; later calls do nothing. Enclosed messages are leaves, so that their
/// octets stay together. Safe from any thread.
void start();

/// Shared parser options: octets without a charset are UTF-8 if valid, else windows-1252. Not to be
/// freed or changed.
::_GMimeParserOptions* options();

/// What postern needs of a Content-Type.
struct ContentType {
  bool multipart = false;  ///< type multipart/*
  std::string boundary;    ///< "" if there is none
  bool doubled = false;    ///< a parameter occurs twice
};
/// Parses the value of a Content-Type field (RFC 2045 §5.1) with GMime.
ContentType content_type(std::string_view value);

}  // namespace postern::deliver::gmime

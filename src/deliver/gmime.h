// GMime behind plain types: only gmime.cc and mime.cc include its headers.
#pragma once

#include <string>
#include <string_view>

struct _GMimeParserOptions;

namespace postern::deliver::gmime {

/// Starts GMime up once. Enclosed messages are leaves for it as for us: their octets stay together.
void start();

/// Octets without a charset are UTF-8 where valid, else windows-1252.
::_GMimeParserOptions* options();

struct ContentType {
  bool multipart = false;
  std::string boundary;
  bool doubled = false;  ///< a parameter occurs twice
};
/// What a Content-Type value says, as GMime's parser reads it.
ContentType content_type(std::string_view value);

}  // namespace postern::deliver::gmime

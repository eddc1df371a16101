#include "deliver/gmime.h"

#include <memory>
#include <mutex>

#include <gmime/gmime.h>

#include "base/text.h"

namespace postern::deliver::gmime {

void start() {
  static std::once_flag once;
  std::call_once(once, [] {
    g_mime_init();
    for (const char* subtype : {"*", "rfc822", "rfc2822", "global", "global-headers", "news",
                                "partial", "external-body"}) {
      g_mime_object_register_type("message", subtype, GMIME_TYPE_PART);
    }
  });
}

ContentType content_type(std::string_view value) {
  start();
  ContentType result;
  const std::unique_ptr<GMimeContentType, decltype(&g_object_unref)> type(
      g_mime_content_type_parse(nullptr, std::string(trim(value)).c_str()), &g_object_unref);
  const char* media = g_mime_content_type_get_media_type(type.get());
  result.multipart = media != nullptr && iequals(media, "multipart");
  if (const char* boundary = g_mime_content_type_get_parameter(type.get(), "boundary")) {
    result.boundary = boundary;
  }
  return result;
}

}  // namespace postern::deliver::gmime

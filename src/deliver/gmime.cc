#include "deliver/gmime.h"

#include <memory>
#include <mutex>

#include <gmime/gmime.h>

#include "base/text.h"
#include "deliver/gmime_stream.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define POSTERN_LEAK_CHECK
#include <sanitizer/lsan_interface.h>
#endif
#endif

namespace postern::deliver::gmime {

void start() {
  static std::once_flag once;
  std::call_once(once, [] {
#ifdef POSTERN_LEAK_CHECK
    const __lsan::ScopedDisabler once_only;  // GMime leaks the entries that these replace
#endif
    g_mime_init();
    for (const char* subtype : {"*", "rfc822", "rfc2822", "global", "global-headers", "news",
                                "partial", "external-body"}) {
      g_mime_object_register_type("message", subtype, GMIME_TYPE_PART);
    }
    // Makes the classes now. Made with its first object, a class would be read by other threads
    // without an order that ThreadSanitizer sees: GLib's locks are futexes.
    for (const GType type :
         {GMIME_TYPE_PART, GMIME_TYPE_TEXT_PART, GMIME_TYPE_MULTIPART, GMIME_TYPE_MULTIPART_SIGNED,
          GMIME_TYPE_MULTIPART_ENCRYPTED, piece_stream_type()}) {
      (void)g_type_class_ref(type);
    }
  });
}

::_GMimeParserOptions* options() {
  start();
  static ::_GMimeParserOptions* const shared = [] {
    ::_GMimeParserOptions* made = g_mime_parser_options_new();
    const char* charsets[] = {"utf-8", "windows-1252", nullptr};
    g_mime_parser_options_set_fallback_charsets(made, charsets);
    return made;
  }();
  return shared;
}

ContentType content_type(std::string_view value) {
  ContentType result;
  const std::unique_ptr<GMimeParserOptions, decltype(&g_mime_parser_options_free)> noting(
      g_mime_parser_options_clone(options()), &g_mime_parser_options_free);
  const auto note = [](gint64, GMimeParserWarning warning, const gchar*, gpointer doubled) {
    if (warning == GMIME_WARN_DUPLICATED_PARAMETER || warning == GMIME_CRIT_CONFLICTING_PARAMETER) {
      *static_cast<bool*>(doubled) = true;
    }
  };
#if GMIME_CHECK_VERSION(3, 2, 15)  // Debian 13: what ends the life of the argument
  g_mime_parser_options_set_warning_callback(noting.get(), note, &result.doubled, nullptr);
#else
  g_mime_parser_options_set_warning_callback(noting.get(), note, &result.doubled);
#endif
  const std::unique_ptr<GMimeContentType, decltype(&g_object_unref)> type(
      g_mime_content_type_parse(noting.get(), std::string(trim(value)).c_str()), &g_object_unref);
  const char* media = g_mime_content_type_get_media_type(type.get());
  result.multipart = media != nullptr && iequals(media, "multipart");
  if (const char* boundary = g_mime_content_type_get_parameter(type.get(), "boundary")) {
    result.boundary = boundary;
  }
  return result;
}

}  // namespace postern::deliver::gmime

#include "deliver/mime.h"

#include <functional>
#include <memory>

#include <gmime/gmime.h>

#include "base/text.h"
#include "deliver/gmime.h"
#include "deliver/gmime_stream.h"
#include "deliver/mime_filename.h"
#include "deliver/mime_prescan.h"

namespace postern::deliver {
namespace {

struct Unref {
  void operator()(gpointer object) const { g_object_unref(object); }
};
template <class T>
using Ref = std::unique_ptr<T, Unref>;

class Reader {
 public:
  Reader(std::string_view message, const MimeLimits& limits)
      : rest_(message), prescan_(message, limits, view_) {}

  MessageView run() {
    prescan_.run();
    if (prescan_.pieces().empty()) return std::move(view_);
    parse();
    return std::move(view_);
  }

 private:
  void parse() {
    const Ref<GMimeStream> stream(gmime::new_piece_stream(prescan_.pieces()));
    const Ref<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
    g_mime_parser_set_persist_stream(parser.get(), TRUE);
    const Ref<GMimeObject> root(g_mime_parser_construct_part(parser.get(), gmime::options()));
    if (root) walk(root.get());
  }

  /// Collects the leaves in order, without recursion.
  void walk(GMimeObject* root) {
    std::vector<GMimeObject*> open{root};
    while (!open.empty()) {
      GMimeObject* object = open.back();
      open.pop_back();
      if (GMIME_IS_MULTIPART(object)) {
        auto* multipart = GMIME_MULTIPART(object);
        for (int i = g_mime_multipart_get_count(multipart); i > 0; --i) {
          open.push_back(g_mime_multipart_get_part(multipart, i - 1));
        }
      } else if (GMIME_IS_PART(object)) {
        leaf(GMIME_PART(object));
      }
    }
  }

  void leaf(GMimePart* object) {
    PartView part;
    GMimeContentType* type = g_mime_object_get_content_type(GMIME_OBJECT(object));
    part.type = lower(text(g_mime_content_type_get_media_type(type))) + "/" +
                lower(text(g_mime_content_type_get_media_subtype(type)));
    part.type = valid_utf8(part.type);
    part.charset = text(g_mime_content_type_get_parameter(type, "charset"));
    name(part, g_mime_content_type_get_parameter(type, "name"));
    if (GMimeContentDisposition* shown =
            g_mime_object_get_content_disposition(GMIME_OBJECT(object))) {
      part.disposition = lower(text(g_mime_content_disposition_get_disposition(shown)));
      name(part, g_mime_content_disposition_get_parameter(shown, "filename"));
    }
    if (const char* id = g_mime_object_get_content_id(GMIME_OBJECT(object))) {
      if (*id != '\0') part.content_id = valid_utf8(id);
    }
    transfer(part, object);
    content(part, object);
    view_.parts.push_back(std::move(part));
  }

  static std::string text(const char* value) {
    return value == nullptr ? std::string() : std::string(trim(value));
  }

  void name(PartView& part, const char* value) {
    if (value == nullptr) return;
    if (!is_utf8(value)) view_.names.undecodable = true;
    if (std::optional<std::string> clean = clean_filename(valid_utf8(value))) {
      part.filename = std::move(clean);
    }
  }

  void transfer(PartView& part, GMimePart* object) {
    const char* value = g_mime_object_get_header(GMIME_OBJECT(object), "Content-Transfer-Encoding");
    bool known = true;
    part.transfer = transfer_named(value == nullptr ? "" : value, known);
    if (!known && !warned_transfer_) {
      warned_transfer_ = true;
      view_.warnings.emplace_back(
          "an unknown Content-Transfer-Encoding: the octets are used as they are");
    }
    if (istarts_with(part.type, "message/") && part.transfer != Transfer::identity) {
      view_.ambiguous = true;  // RFC 2046 §5.2.1 allows only 7bit, 8bit and binary
      view_.warnings.emplace_back("an enclosed message is transfer-encoded");
    }
  }

  /// GMime's substream tells where the part's octets are in the message.
  void content(PartView& part, GMimePart* object) {
    GMimeDataWrapper* wrapper = g_mime_part_get_content(object);
    part.body = rest_.substr(0, 0);
    if (wrapper == nullptr) return;
    const std::string_view octets = gmime::octets_of(g_mime_data_wrapper_get_stream(wrapper));
    const std::less_equal<const char*> before;
    if (!octets.empty() && before(rest_.data(), octets.data()) &&
        before(octets.data() + octets.size(), rest_.data() + rest_.size())) {
      part.body = octets;
      rest_.remove_prefix(static_cast<std::size_t>(octets.data() + octets.size() - rest_.data()));
    }
  }

  std::string_view rest_;  // the message after the last part
  MessageView view_;
  Prescan prescan_;
  bool warned_transfer_ = false;
};

}  // namespace

bool PartView::is_body() const {
  return (type == "text/plain" || type == "text/html") && !filename &&
         (disposition.empty() || disposition == "inline");
}

const FieldView* MessageView::find(std::string_view name) const {
  for (const FieldView& field : fields) {
    if (iequals(field.name, name)) return &field;
  }
  return nullptr;
}

MessageView scan_message(std::string_view message, Charsets& /*charsets*/,
                         const MimeLimits& limits) {
  gmime::start();
  return Reader(message, limits).run();
}

}  // namespace postern::deliver

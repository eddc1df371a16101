#include "deliver/payload.h"

#include <algorithm>
#include <map>

#include <fmt/core.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/text.h"
#include "base/time_text.h"
#include "deliver/mime_address.h"
#include "deliver/mime_date.h"
#include "deliver/mime_words.h"
#include "deliver/payload_body.h"
#include "deliver/payload_context.h"
#include "deliver/payload_json.h"
#include "deliver/verdicts.h"
#include "mailauth/ar/strip.h"

namespace postern::deliver {
namespace {

namespace json = boost::json;

/// Fields that `headers` omits: the payload has them as separate members.
constexpr std::string_view named_fields[] = {"Message-Id", "From",         "To",          "Subject",
                                             "Date",       "Content-Type", "Mime-Version"};

/// "x-MAILER" becomes "X-Mailer": capitals at the start and after each hyphen.
std::string canonical_name(std::string_view name) {
  std::string canonical = lower(name);
  bool capital = true;
  for (char& c : canonical) {
    if (capital) c = to_upper(c);
    capital = c == '-';
  }
  return canonical;
}

class Builder {
 public:
  Builder(std::string_view message, const policy::Evidence& evidence,
          const MessageIdentity& identity, const PayloadOptions& options)
      : message_(message),
        evidence_(evidence),
        identity_(identity),
        options_(options),
        payload_{.body = spool::Body(options.temporary_directory)},
        view_(scan_message(message, charsets_, options.mime)),
        writer_(payload_.body),
        parts_(writer_, charsets_, warnings_, identity, options) {}

  Result<Payload> run() {
    remove_our_results();
    for (const std::string& warning : view_.warnings) warnings_.add(warning);
    for (const FieldView& field : view_.fields) {
      values_.push_back(decode_words(unfold(field.value, charsets_, words_), charsets_, words_));
    }
    writer_.begin_object();
    conduit_members();
    identity_members();
    header_members();
    session_members();
    if (Result<void> done = parts_.attachments(view_.parts); !done) return unexpected(done);
    if (Result<void> done = parts_.raw(message_, evidence_, !view_.parse_error.empty()); !done) {
      return unexpected(done);
    }
    trouble_members();
    writer_.end_object();
    if (Result<void> done = writer_.finish(); !done) return unexpected(done);
    auto files = parts_.take_files();
    if (!files) return tl::unexpected<Error>(std::move(files.error()));
    payload_.files = std::move(*files);
    payload_.ambiguous = view_.ambiguous || parts_.is_ambiguous();
    payload_.parse_error = view_.parse_error;
    return std::move(payload_);
  }

 private:
  static tl::unexpected<Error> unexpected(Result<void>& result) {
    return tl::unexpected<Error>(std::move(result.error()));
  }

  void member(std::string_view key, const json::value& value) {
    writer_.key(key);
    writer_.value(value);
  }

  /// Removes fields with our authserv-id: they came from outside (RFC 8601 §5).
  void remove_our_results() {
    if (options_.authserv_id.empty()) return;
    const mailauth::ar::OwnIds own({options_.authserv_id});
    std::erase_if(view_.fields, [&own](const FieldView& field) {
      return iequals(field.name, "Authentication-Results") &&
             mailauth::ar::must_remove(field.value, own);
    });
  }

  const std::string* decoded(std::string_view name) const {
    for (std::size_t i = 0; i < view_.fields.size(); ++i) {
      if (iequals(view_.fields[i].name, name)) return &values_[i];
    }
    return nullptr;
  }

  void conduit_members() {
    if (const FieldView* field = view_.find("Message-ID")) {
      payload_.message_id = unfold(field->value, charsets_, words_);
    }
    if (payload_.message_id.empty() && !options_.message_id_domain.empty()) {
      payload_.message_id = fmt::format("<{}@{}>", identity_.id, options_.message_id_domain);
    }
    if (!payload_.message_id.empty()) member("message_id", json::value(payload_.message_id));
    member("from", json::value(evidence_.reverse_path ? valid_utf8(evidence_.reverse_path->text())
                                                      : std::string()));
    json::array to;
    for (const policy::Recipient* recipient : distinct_recipients(evidence_)) {
      to.emplace_back(valid_utf8(recipient->address.text()));
    }
    member("to", to);
    if (const std::string* subject = decoded("Subject")) {
      payload_.subject = *subject;
      member("subject", json::value(*subject));
    }
    if (const FieldView* field = view_.find("Date")) {
      if (const std::optional<std::string> date = date_to_rfc3339(trim(field->value))) {
        member("date", json::value(*date));
      } else {
        warnings_.add("the Date field is not a date");
      }
    }
    parts_.text("text", "text/plain", view_.parts);
    parts_.text("html", "text/html", view_.parts);
    headers();
  }

  void headers() {
    std::map<std::string, std::vector<std::size_t>> by_name;
    for (std::size_t i = 0; i < view_.fields.size(); ++i) {
      const std::string name = canonical_name(view_.fields[i].name);
      bool named = false;
      for (const std::string_view other : named_fields) named = named || name == other;
      if (!named) by_name[name].push_back(i);
    }
    writer_.key("headers");
    writer_.begin_object();
    for (const auto& [name, indices] : by_name) {
      writer_.key(name);
      writer_.begin_array();
      for (const std::size_t i : indices) writer_.string(values_[i]);
      writer_.end_array();
    }
    writer_.end_object();
  }

  void identity_members() {
    member("schema", json::value("postern.inbound.v1"));
    member("id", json::value(identity_.id));
    member("webhook_id", json::value(identity_.webhook_id));
    member("received_at", json::value(to_rfc3339(identity_.received_at, 0)));
    member("simulated", identity_.simulated);
    member("size", message_.size());
  }

  /// Writes the addresses of all fields with that name.
  void addresses(std::string_view key, std::string_view name) {
    std::vector<Address> list;
    AddressNotes notes;
    for (const FieldView& field : view_.fields) {
      if (!iequals(field.name, name)) continue;
      read_addresses(unfold_octets(field.value), charsets_, list, notes);
    }
    words_.charset.add(notes.words.charset);
    if (notes.too_many)
      warnings_.add(
          fmt::format("more than {} addresses in a field: the rest is left out", max_addresses));
    writer_.key(key);
    writer_.begin_array();
    for (const Address& address : list) {
      writer_.value({{"name", address.name}, {"address", address.address}});
    }
    writer_.end_array();
  }

  void header_members() {
    addresses("header_from", "From");
    addresses("header_to", "To");
    addresses("cc", "Cc");
    addresses("reply_to", "Reply-To");
    writer_.key("header_list");
    writer_.begin_array();
    for (std::size_t i = 0; i < view_.fields.size(); ++i) {
      writer_.begin_object();
      writer_.key("name");
      writer_.string(view_.fields[i].name);
      writer_.key("value");
      writer_.string(values_[i]);
      writer_.end_object();
    }
    writer_.end_array();
  }

  void session_members() {
    member("envelope", envelope_object(evidence_));
    member("client", identity_.simulated ? json::value() : client_object(evidence_));
    member("policy", identity_.simulated ? json::value() : policy_object(evidence_));
    member("auth", auth_results(evidence_));
  }

  void trouble_members() {
    const auto count = [this](std::string_view name) {
      return static_cast<std::size_t>(std::ranges::count_if(
          view_.fields, [&](const FieldView& field) { return iequals(field.name, name); }));
    };
    for (const std::string_view name : unsigned_fields(evidence_, count)) {
      warnings_.add(fmt::format(
          "no DKIM signature of the author's domain covers {}: it may have been added on the way",
          name));
    }
    warnings_.add(words_.charset, "header", "");
    warnings_.add(view_.names, "file name", "");
    if (words_.too_many_words) {
      warnings_.add(fmt::format(
          "more than {} encoded words in a field: the rest is left as written", max_encoded_words));
    }
    json::array warnings;
    for (const std::string& warning : warnings_.list()) warnings.emplace_back(warning);
    member("warnings", warnings);
    member("ambiguous", view_.ambiguous || parts_.is_ambiguous());
    if (!view_.parse_error.empty()) member("parse_error", json::value(view_.parse_error));
  }

  std::string_view message_;
  const policy::Evidence& evidence_;
  const MessageIdentity& identity_;
  const PayloadOptions& options_;
  Payload payload_;
  Charsets charsets_;
  MessageView view_;
  JsonWriter writer_;
  Warnings warnings_;
  BodyWriter parts_;
  WordNotes words_;
  std::vector<std::string> values_;  // decoded, parallel to view_.fields
};

}  // namespace

Result<Payload> build_payload(std::string_view message, const policy::Evidence& evidence,
                              const MessageIdentity& identity, const PayloadOptions& options) {
  return Builder(message, evidence, identity, options).run();
}

}  // namespace postern::deliver

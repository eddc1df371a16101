#include "admin/json_body.h"

#include <cmath>
#include <set>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

#include "base/text.h"

namespace postern::admin {
namespace {

namespace json = boost::json;
using boost::system::error_code;

/// Violations of our own rules; Boost's parser has its own errors.
enum class Objection { none, duplicate_key, too_many_members, too_many_in_all, not_finite };

/// Builds the value like Boost's handler, and checks keys and numbers: the library would silently
/// keep the last of two equal keys and turn 1e999 into infinity.
class Handler {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  bool on_document_begin(error_code&) {
    stack_.reset();
    return true;
  }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t n, error_code&) {
    keys_.pop_back();
    stack_.push_object(n);
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t n, error_code&) {
    stack_.push_array(n);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, error_code&) {
    key_.append(part.data(), part.size());
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, error_code& error) {
    key_.append(part.data(), part.size());
    if (keys_.back().size() >= max_json_members) return object(Objection::too_many_members, error);
    if (++members_ > max_json_members_in_all) return object(Objection::too_many_in_all, error);
    if (!keys_.back().insert(std::move(key_)).second)
      return object(Objection::duplicate_key, error);
    key_.clear();
    stack_.push_key(part);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, error_code&) {
    stack_.push_string(part);
    return true;
  }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, error_code&) {
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, error_code&) {
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double number, json::string_view, error_code& error) {
    if (!std::isfinite(number)) return object(Objection::not_finite, error);
    stack_.push_double(number);
    return true;
  }
  bool on_bool(bool value, error_code&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

  json::value release() { return stack_.release(); }
  Objection objection() const { return objection_; }

 private:
  bool object(Objection objection, error_code& error) {
    objection_ = objection;
    error = json::make_error_code(json::error::syntax);
    return false;
  }

  json::value_stack stack_;
  std::string key_;
  /// The keys of each open object. An ordered set: an attacker could choose keys that collide in a
  /// hash table.
  std::vector<std::set<std::string>> keys_;
  std::size_t members_ = 0;  // in all objects
  Objection objection_ = Objection::none;
};

std::string sentence_for(const error_code& error, Objection objection, std::size_t at) {
  const std::string where = " at octet " + std::to_string(at);
  if (objection == Objection::duplicate_key)
    return "the body has a member twice in one object," + where;
  if (objection == Objection::too_many_members) {
    return "an object of the body has more than " + std::to_string(max_json_members) + " members," +
           where;
  }
  if (objection == Objection::too_many_in_all) {
    return "the body has more than " + std::to_string(max_json_members_in_all) + " members," +
           where;
  }
  if (objection == Objection::not_finite) return "the body has a number that is too large," + where;
  if (error == json::error::too_deep) {
    return "the body nests deeper than " + std::to_string(max_json_depth) + " levels";
  }
  if (error == json::error::incomplete) return "the body is incomplete JSON";
  return "the body is not valid JSON," + where;
}

}  // namespace

Result<json::object> parse_json_object(std::string_view text) {
  if (!is_utf8(text)) return fail(Fault::malformed, "the body is not valid UTF-8");
  json::parse_options options;
  options.max_depth = max_json_depth;
  json::basic_parser<Handler> parser(options);
  error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (error) return fail(Fault::malformed, sentence_for(error, parser.handler().objection(), used));
  if (!trim(text.substr(used)).empty()) {
    return fail(Fault::malformed,
                "the body has data after its JSON, at octet " + std::to_string(used));
  }
  json::value value = parser.handler().release();
  if (!value.is_object()) return fail(Fault::malformed, "the body is not a JSON object");
  return std::move(value.get_object());
}

}  // namespace postern::admin

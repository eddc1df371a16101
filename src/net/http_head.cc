#include "net/http_head.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace postern::net {
namespace {

HttpFault bad_request(std::string sentence) { return {400, "bad_request", std::move(sentence)}; }

/// RFC 9110 §5.5: field values contain no control characters except tabs.
bool is_field_content(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet == '\t' || (octet >= 0x20 && octet != 0x7f);
  });
}

/// Decodes percent-encoding once. nullopt: a malformed escape, a control character or invalid
/// UTF-8.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const auto high = hex_value(text[i + 1]);
      const auto low = hex_value(text[i + 2]);
      if (!high || !low) return std::nullopt;
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7f) return std::nullopt;
    out.push_back(c);
  }
  if (!is_utf8(out)) return std::nullopt;
  return out;
}

std::optional<HttpFault> parse_path(std::string_view path, HttpRequest& out) {
  if (path.empty() || path.front() != '/') return bad_request("the request target is not a path");
  for (const std::string_view raw : split(path.substr(1), '/')) {
    std::optional<std::string> segment = percent_decode(raw, false);
    if (!segment) return bad_request("the path has a broken escape or a control character");
    // Segments that a file system or a second decoder could take for a separator or a parent are
    // rejected, not resolved.
    if (*segment == "." || *segment == ".." || segment->find_first_of("/\\") != std::string::npos) {
      return bad_request("the path has a dot segment or a separator inside a segment");
    }
    out.segments.push_back(std::move(*segment));
  }
  for (const std::string& segment : out.segments) out.path += "/" + segment;
  return std::nullopt;
}

std::optional<HttpFault> parse_query(std::string_view query, HttpRequest& out) {
  for (const std::string_view pair : split(query, '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    std::optional<std::string> name = percent_decode(pair.substr(0, equals), true);
    std::optional<std::string> value = std::string();
    if (equals != std::string_view::npos) value = percent_decode(pair.substr(equals + 1), true);
    if (!name || !value) return bad_request("the query has a broken escape or a control character");
    out.query.emplace_back(std::move(*name), std::move(*value));
  }
  return std::nullopt;
}

std::optional<HttpFault> parse_request_line(std::string_view line, HttpHead& out) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  // RFC 9112 §3: exactly one SP each; more would be ambiguous.
  if (first == std::string_view::npos || first == last ||
      line.substr(first + 1, last - first - 1).find_first_of(" \t") != std::string_view::npos) {
    return bad_request("the request line is malformed");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method)) return bad_request("the method is malformed");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    if (version.starts_with("HTTP/") && version.size() == 8) {
      return HttpFault{505, "http_version_not_supported", "only HTTP 1.0 and 1.1 are supported"};
    }
    return bad_request("the request line is malformed");
  }
  out.http_1_0 = version == "HTTP/1.0";
  out.head_only = method == "HEAD";
  out.request.method = out.head_only ? "GET" : std::string(method);
  if (method == "TRACE" || method == "CONNECT")
    return std::nullopt;  // rejected whatever the target is
  return parse_target(line.substr(first + 1, last - first - 1), out.request);
}

std::optional<HttpFault> parse_fields(std::string_view block, HttpHead& out) {
  while (!block.empty()) {
    const std::size_t end = block.find("\r\n");
    const std::string_view line = block.substr(0, end);
    block.remove_prefix(end + 2);
    if (line.empty()) break;
    // RFC 9112 §5.2: a server may reject obs-fold; unfolding enables request smuggling.
    if (line.front() == ' ' || line.front() == '\t') return bad_request("a header field is folded");
    const std::size_t colon = line.find(':');
    // RFC 9112 §5.1: white space between name and colon is rejected; is_token() does not accept it.
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      return bad_request("a header field is malformed");
    }
    const std::string_view value = trim(line.substr(colon + 1));
    if (!is_field_content(value)) return bad_request("a header field has a control character");
    if (out.request.headers.size() == max_header_fields) {
      return HttpFault{431, "headers_too_large", "too many header fields"};
    }
    out.request.headers.emplace_back(lower(line.substr(0, colon)), std::string(value));
  }
  return std::nullopt;
}

/// Rejects repeated fields that two parsers could interpret differently.
std::optional<HttpFault> check_repeats(const HttpRequest& request) {
  constexpr std::array<std::string_view, 12> single = {"host",
                                                       "authorization",
                                                       "content-length",
                                                       "content-type",
                                                       "transfer-encoding",
                                                       "content-encoding",
                                                       "origin",
                                                       "cookie",
                                                       "x-csrf-token",
                                                       "if-match",
                                                       "expect",
                                                       "referer"};
  for (const std::string_view name : single) {
    const auto n = std::count_if(request.headers.begin(), request.headers.end(),
                                 [&](const auto& field) { return field.first == name; });
    if (n > 1) return bad_request("the header field " + std::string(name) + " is given twice");
  }
  return std::nullopt;
}

std::optional<HttpFault> parse_framing(HttpHead& out) {
  const auto coding = out.request.header("transfer-encoding");
  const auto length = out.request.header("content-length");
  if (coding) {
    // RFC 9112 §6.1 and §6.3: both fields together, or a coding other than chunked, is an attack or
    // an error.
    if (length) return bad_request("Content-Length and Transfer-Encoding are both present");
    if (out.http_1_0 || !iequals(*coding, "chunked"))
      return bad_request("the transfer coding is not supported");
    out.chunked = true;
  }
  if (length) {
    if (length->empty() || !std::all_of(length->begin(), length->end(), is_digit)) {
      return bad_request("the Content-Length is not a number");
    }
    const std::optional<std::uint64_t> number = parse_number(*length);
    if (!number) return HttpFault{413, "body_too_large", "the body is too large"};
    out.content_length = *number;
  }
  return std::nullopt;
}

std::optional<HttpFault> parse_connection(HttpHead& out) {
  const auto host = out.request.header("host");
  // RFC 9112 §3.2: 400 without Host, with several, or with an invalid one.
  if (!host && !out.http_1_0) return bad_request("the Host header field is missing");
  if (host && host->find_first_of(" \t,/@\\?#") != std::string_view::npos) {
    return bad_request("the Host header field is malformed");
  }
  out.keep_alive = !out.http_1_0;
  if (const auto connection = out.request.header("connection")) {
    for (const std::string_view option : split(*connection, ',')) {
      if (iequals(trim(option), "close")) out.keep_alive = false;
    }
  }
  if (const auto expect = out.request.header("expect")) {
    if (!iequals(*expect, "100-continue")) {
      return HttpFault{417, "expectation_failed", "only 100-continue may be expected"};
    }
    out.expects_continue = !out.http_1_0;
  }
  return std::nullopt;
}

}  // namespace

bool is_token(std::string_view text) {
  constexpr std::string_view extra = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || extra.find(c) != std::string_view::npos;
  });
}

HeadProgress scan_head(std::string_view received) {
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < received.size(); ++i) {
    const char c = received[i];
    if (line_start == 0 && i >= max_request_line) {
      return {HttpFault{414, "uri_too_long", "the request line is too long"}, 0};
    }
    if (i >= max_request_head) {
      return {HttpFault{431, "headers_too_large", "the request head is too large"}, 0};
    }
    // RFC 9112 §2.2 allows a bare LF as a line end; it is rejected here, as is a bare CR.
    if (c == '\n' && (i == 0 || received[i - 1] != '\r'))
      return {bad_request("a line does not end in CRLF"), 0};
    if (c == '\0') return {bad_request("the request head has a NUL"), 0};
    if (c == '\r' && i + 1 < received.size() && received[i + 1] != '\n') {
      return {bad_request("a line does not end in CRLF"), 0};
    }
    if (c != '\n') continue;
    if (i + 1 - line_start == 2) {
      if (line_start == 0) return {bad_request("the request line is empty"), 0};
      return {std::nullopt, i + 1};
    }
    line_start = i + 1;
  }
  return {};
}

std::optional<HttpFault> parse_target(std::string_view target, HttpRequest& out) {
  if (istarts_with(target, "http://") || istarts_with(target, "https://")) {
    // RFC 9112 §3.2.2: absolute form is accepted; its authority is ignored, like Host.
    const std::size_t authority = target.find("//") + 2;
    const std::size_t path = target.find_first_of("/?", authority);
    target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
  }
  if (target.find('#') != std::string_view::npos)
    return bad_request("the request target has a fragment");
  const std::size_t mark = target.find('?');
  if (auto fault = parse_path(target.substr(0, mark), out)) return fault;
  if (mark == std::string_view::npos) return std::nullopt;
  return parse_query(target.substr(mark + 1), out);
}

std::optional<HttpFault> parse_head(std::string_view head, HttpHead& out) {
  const std::size_t end = head.find("\r\n");
  if (end == std::string_view::npos) return bad_request("the request line is malformed");
  if (auto fault = parse_request_line(head.substr(0, end), out)) return fault;
  if (auto fault = parse_fields(head.substr(end + 2), out)) return fault;
  if (auto fault = check_repeats(out.request)) return fault;
  if (auto fault = parse_framing(out)) return fault;
  if (auto fault = parse_connection(out)) return fault;
  const std::string& method = out.request.method;
  if (method == "TRACE" || method == "CONNECT") {
    return HttpFault{405, "method_not_allowed", "this method is not served"};
  }
  if (const auto coding = out.request.header("content-encoding");
      coding && !iequals(*coding, "identity")) {
    return HttpFault{415, "unsupported_media_type", "compressed bodies are not accepted"};
  }
  return std::nullopt;
}

}  // namespace postern::net

// Payload templates: the part of Go's text/template that a webhook needs (docs/payload.md).
//   {{.Field}} {{.Auth.SPF.Result}} {{$.Subject}}  a value; what is absent is empty
//   {{json .Field}} {{index .Headers "X-Tag" 0}} {{eq .A "b" "c"}} {{default "none" .Subject}}
//   {{.Field | json}}  {{if ..}} {{else if ..}} {{else}} {{end}}  {{range ..}}  {{with ..}}
//   {{- trims blanks before, behind -}}  {{/* comment */}}
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "base/memory_budget.h"

namespace postern::deliver {

/// Longest template text, in octets.
inline constexpr std::size_t max_template_size = 64 * 1024;
/// Passes through `range` bodies in one rendering.
inline constexpr std::size_t max_template_iterations = 10000;
/// Longest output, in octets.
inline constexpr std::size_t max_template_output = 10 * 1024 * 1024;

struct TemplateTree;

/// A parsed template; copies share it.
class Template {
 public:
  /// Errors are Fault::malformed (or Fault::limit for the size) and begin with `line:column: `.
  static Result<Template> parse(std::string_view text);

  const TemplateTree& tree() const { return *tree_; }

 private:
  explicit Template(std::shared_ptr<const TemplateTree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const TemplateTree> tree_;
};

/// Renders over `data` (template_data() of a payload). Errors are Fault::limit when a limit is
/// exceeded, Fault::malformed when a value does not fit what is done with it and Fault::temporary
/// when `charge` cannot be met; all begin with `line:column: `. What is made, and the output, is
/// charged for on top of what `charge` has; it has that again, and the output, in the end.
Result<std::string> render(const Template& parsed, const boost::json::value& data,
                           MemoryCharge& charge);

}  // namespace postern::deliver

//! Draws diagnostics for a person: the line, the span under it, the reason, the way out.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Severity};

/// Draws `diagnostics`, an empty line between two; with `styled`, in colours.
pub fn render(diagnostics: &[Diagnostic], styled: bool) -> String {
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    let drawn: Vec<String> = diagnostics.iter().map(|diagnostic| draw(&renderer, diagnostic)).collect();
    drawn.join("\n\n")
}

fn draw(renderer: &Renderer, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code);
    let mut group = Group::with_title(title);
    for (index, label) in diagnostic.labels.iter().enumerate() {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(label.place.span.clone());
        let annotation = if label.text.is_empty() { annotation } else { annotation.label(label.text.as_str()) };
        group = group.element(
            Snippet::source(label.place.source.as_str())
                .path(&*label.place.path)
                .line_start(label.place.line)
                .annotation(annotation),
        );
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;

    #[test]
    fn a_diagnostic_shows_code_place_reason_and_way_out() {
        let place = Place::locate(&"zones/a.example.zone".into(), b"@ IN A 1.2.3\n", 7..12);
        let diagnostic = Diagnostic::error("zone-address", "this is not an IPv4 address")
            .at(place, "expected four numbers")
            .help("write it as 192.0.2.1");
        let expected = "\
error[zone-address]: this is not an IPv4 address
 --> zones/a.example.zone:1:8
  |
1 | @ IN A 1.2.3
  |        ^^^^^ expected four numbers
  |
  = help: write it as 192.0.2.1";
        assert_eq!(render(&[diagnostic], false), expected);
    }
}

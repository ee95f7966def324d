using System.CommandLine;

namespace Rudder.Client.Commands;

/// <summary>Makes options in one line each.</summary>
internal static class OptionOf
{
    /// <summary>An option that must be given.</summary>
    public static Option<string> Required(string name, string description) => new(name) { Description = description, Required = true };

    /// <summary>An option that may be left out.</summary>
    public static Option<string?> Optional(string name, string help, string description) =>
        new(name) { Description = description, HelpName = help };

    /// <summary>An option with a default.</summary>
    public static Option<T> Default<T>(string name, T value, string description) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };

    /// <summary>The address of a running service: absolute, http or https.</summary>
    public static Option<Uri> Service(bool required, string description) =>
        new("--service")
        {
            Description = description,
            HelpName = "URL",
            Required = required,
            CustomParser = argument =>
            {
                string text = argument.Tokens.Count == 1 ? argument.Tokens[0].Value : "";
                if (Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https")
                {
                    return address;
                }

                argument.AddError($"--service is '{text}'; it must be an http or https address, e.g. http://127.0.0.1:5080");
                return null;
            },
        };
}

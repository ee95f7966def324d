using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

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

    /// <summary>An option whose text must have a certain form or lie in a range.</summary>
    /// <param name="name">e.g. --count.</param>
    /// <param name="value">Its default.</param>
    /// <param name="help">What the help shows in place of the text, e.g. N.</param>
    /// <param name="description">What it means.</param>
    /// <param name="parse">Reads the text; false refuses it.</param>
    /// <param name="accepted">End of "it must be ...", with an example.</param>
    public static Option<T> Parsed<T>(string name, T value, string help, string description, TextParser<T> parse, string accepted) =>
        new(name)
        {
            Description = description,
            HelpName = help,
            DefaultValueFactory = value is null ? null : _ => value,
            CustomParser = argument => Read(argument, name, parse, accepted),
        };

    /// <summary>The address of a running service: absolute, http or https.</summary>
    public static Option<Uri> Service(bool required, string description) =>
        new("--service")
        {
            Description = description,
            HelpName = "URL",
            Required = required,
            CustomParser = argument => Read<Uri>(argument, "--service", IsAddress, "an http or https address, e.g. http://127.0.0.1:5080"),
        };

    /// <summary>Reads a number from <paramref name="min"/> to <paramref name="max"/>.</summary>
    public static TextParser<T> Between<T>(T min, T max)
        where T : struct, IParsable<T>, IComparable<T> =>
        (string text, out T value) =>
            T.TryParse(text, CultureInfo.InvariantCulture, out value) && value.CompareTo(min) >= 0 && value.CompareTo(max) <= 0;

    private static bool IsAddress(string text, out Uri address) =>
        Uri.TryCreate(text, UriKind.Absolute, out address!) && address.Scheme is "http" or "https";

    private static T? Read<T>(ArgumentResult argument, string name, TextParser<T> parse, string accepted)
    {
        string text = argument.Tokens.Count == 1 ? argument.Tokens[0].Value : "";
        if (parse(text, out T value))
        {
            return value;
        }

        argument.AddError($"{name} is '{text}'; it must be {accepted}.");
        return default;
    }
}

/// <summary>Reads the text of an option.</summary>
/// <returns>False where it is refused.</returns>
internal delegate bool TextParser<T>(string text, out T value);

using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using Rudder.Engine;

namespace Rudder.InferenceService.Settings;

/// <summary>Reads settings objects from configuration and collects every fault: unknown keys, values of the wrong kind, values out of range.</summary>
internal sealed class OptionsReader
{
    private readonly List<string> _faults = [];

    /// <summary>Reads section <c>Service</c>.</summary>
    /// <exception cref="UsageException">Something is wrong; the message lists everything that is.</exception>
    public static ServiceOptions Read(IConfiguration configuration)
    {
        var faults = new List<string>();
        var options = Read(configuration, faults);
        return faults.Count == 0 ? options : throw UsageException.Of(faults);
    }

    /// <summary>Reads section <c>Service</c> as far as it can be read.</summary>
    /// <param name="configuration">Where the settings are.</param>
    /// <param name="faults">Gets everything that is wrong.</param>
    /// <returns>The settings; faulty ones have their defaults, or the value that is out of range.</returns>
    public static ServiceOptions Read(IConfiguration configuration, ICollection<string> faults)
    {
        var reader = new OptionsReader();
        var options = (ServiceOptions)reader.ReadObject(configuration.GetSection("Service"), typeof(ServiceOptions));
        bool eachIsSound = reader._faults.Count == 0;
        reader.CheckTogether(options);
        if (eachIsSound)
        {
            // A value that is faulty by itself would be told a second time here.
            reader.CheckSoundTogether(options);
        }

        reader._faults.ForEach(faults.Add);
        return options;
    }

    private object ReadObject(IConfigurationSection section, Type type)
    {
        object target = Activator.CreateInstance(type)!;
        var properties = type.GetProperties().ToDictionary(property => property.Name, StringComparer.OrdinalIgnoreCase);
        if (section.Value is { Length: > 0 } value)
        {
            _faults.Add($"{section.Path} is '{value}'; it is a group of keys: {string.Join(", ", properties.Keys)}.");
        }

        foreach (var child in section.GetChildren())
        {
            if (!properties.TryGetValue(child.Key, out var property))
            {
                _faults.Add($"{child.Path} is no setting; {section.Path} knows {string.Join(", ", properties.Keys)}.");
            }
            else if (ReadValue(child, property.PropertyType) is { } read)
            {
                property.SetValue(target, read);
            }
        }

        CheckAttributes(section, target, properties.Values);
        return target;
    }

    private object? ReadValue(IConfigurationSection section, Type type)
    {
        if (type.IsArray)
        {
            return ReadArray(section, type.GetElementType()!);
        }

        if (type.IsClass && type != typeof(string))
        {
            return ReadObject(section, type);
        }

        if (section.Value is not { } text)
        {
            string given = section.GetChildren().Any() ? "a group of keys" : "null";
            _faults.Add($"{section.Path} is {given}; it takes {Kind(type)}.");
            return null;
        }

        object? value = Parse(text, type);
        if (value is null)
        {
            _faults.Add($"{section.Path} is '{text}'; it takes {Kind(type)}.");
        }

        return value;
    }

    private Array ReadArray(IConfigurationSection section, Type elementType)
    {
        if (section.Value is { Length: > 0 } value)
        {
            _faults.Add($"{section.Path} is '{value}'; it is a list: {section.Path}:0, {section.Path}:1 and so on.");
        }

        var elements = section.GetChildren().Select(child => ReadElement(section, child, elementType)).OfType<object>().ToArray();
        var array = Array.CreateInstance(elementType, elements.Length);
        elements.CopyTo(array, 0);
        return array;
    }

    private object? ReadElement(IConfigurationSection list, IConfigurationSection element, Type type)
    {
        if (!int.TryParse(element.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            _faults.Add($"{element.Path} is no entry of a list; entries have numbers: {list.Path}:0, {list.Path}:1 and so on.");
            return null;
        }

        if (type == typeof(string) && element.Value is { } text && string.IsNullOrWhiteSpace(text))
        {
            _faults.Add($"{element.Path} is empty; it takes {Kind(type)}. Leave it out, or give it a value.");
            return null;
        }

        return ReadValue(element, type);
    }

    private static object? Parse(string text, Type type)
    {
        if (type == typeof(string))
        {
            return text;
        }

        if (type == typeof(bool))
        {
            return bool.TryParse(text, out bool flag) ? flag : null;
        }

        if (type.IsEnum)
        {
            // Names only: a number would be accepted by Enum.TryParse.
            string? name = Enum.GetNames(type).FirstOrDefault(known => known.Equals(text, StringComparison.OrdinalIgnoreCase));
            return name is null ? null : Enum.Parse(type, name);
        }

        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : null;
    }

    private static string Kind(Type type) =>
        type == typeof(int) ? "a whole number"
        : type == typeof(bool) ? "true or false"
        : type.IsEnum ? string.Join(" or ", Enum.GetNames(type).Select(name => name.ToLowerInvariant()))
        : "a text";

    private void CheckAttributes(IConfigurationSection section, object target, IEnumerable<PropertyInfo> properties)
    {
        foreach (var property in properties)
        {
            object? value = property.GetValue(target);
            string path = $"{section.Path}:{property.Name}";
            foreach (var attribute in property.GetCustomAttributes<ValidationAttribute>().Where(rule => !rule.IsValid(value)))
            {
                _faults.Add(attribute switch
                {
                    RequiredAttribute => $"{path} is missing.",
                    RangeAttribute range => $"{path} is {value}; it takes {range.Minimum} to {range.Maximum}.",
                    LengthAttribute length => $"{path} has {((Array)value!).Length} entries; it takes {length.MinimumLength} to {length.MaximumLength}.",
                    RegularExpressionAttribute rule => $"{path} is '{value}'; it must match {rule.Pattern}.",
                    _ => $"{path} is not valid.",
                });
            }
        }
    }

    private void CheckTogether(ServiceOptions options)
    {
        var named = options.Models.Where(model => model.Name.Length > 0);
        foreach (var same in named.GroupBy(model => model.Name, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            _faults.Add($"Service:Models names '{same.Key}' {same.Count()} times; every model needs a name of its own.");
        }

        if (options.MaxTokens == 1)
        {
            _faults.Add($"Service:MaxTokens is 1; it takes 0 (the model's context) or 2 to {1 << 20}, room for a prompt and a drawn token.");
        }

        if (options.CudaProviderLibrary.Length > 0 && options.Device != GraphDevice.Cuda)
        {
            _faults.Add("Service:CudaProviderLibrary is set and Service:Device is cpu; set the device to cuda, or leave the library out.");
        }

        if (options.Tls.CertificateFile.Length == 0 != (options.Tls.KeyFile.Length == 0))
        {
            _faults.Add("Service:Tls:CertificateFile and Service:Tls:KeyFile belong together; set both, or neither.");
        }

        if (options.Tls.ClientCaFile.Length > 0 && options.Tls.CertificateFile.Length == 0)
        {
            _faults.Add("Service:Tls:ClientCaFile needs TLS; set Service:Tls:CertificateFile and Service:Tls:KeyFile too, or leave it out.");
        }
    }

    private void CheckSoundTogether(ServiceOptions options)
    {
        if (options.MaxSequences > options.MaxQueue)
        {
            _faults.Add($"Service:MaxSequences is {options.MaxSequences}; the queue holds {options.MaxQueue}. Raise Service:MaxQueue or lower it.");
        }

        string collector = options.Telemetry.OtlpEndpoint;
        if (collector.Length > 0 && !Uri.TryCreate(collector, UriKind.Absolute, out _))
        {
            _faults.Add($"Service:Telemetry:OtlpEndpoint is '{collector}'; it takes a URL such as http://127.0.0.1:4317. Mend it, or leave it out to send nothing.");
        }
    }
}

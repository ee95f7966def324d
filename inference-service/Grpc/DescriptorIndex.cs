using Google.Protobuf;
using Google.Protobuf.Reflection;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Rudder.InferenceService.Grpc;

/// <summary>The files that describe a set of services, found by file name or by the symbols they declare.</summary>
internal sealed class DescriptorIndex
{
    private readonly Dictionary<string, FileDescriptor> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FileDescriptor> _symbols = new(StringComparer.Ordinal);
    private readonly HashSet<string> _messages = new(StringComparer.Ordinal);

    /// <summary>Indexes the services' files and everything these import.</summary>
    /// <param name="services">The services.</param>
    public DescriptorIndex(IReadOnlyList<ServiceDescriptor> services)
    {
        Services = [.. services.Select(service => service.FullName).Order(StringComparer.Ordinal)];
        foreach (var service in services)
        {
            Add(service.File);
        }
    }

    /// <summary>Full names of the services, in the order of the alphabet.</summary>
    public IReadOnlyList<string> Services { get; }

    /// <summary>A file and all it imports, each serialised; null where no file has the name.</summary>
    /// <param name="name">For example <c>inference/v1/sampling.proto</c>.</param>
    public IReadOnlyList<ByteString>? FileByName(string name) => _files.TryGetValue(name, out var file) ? WithImports(file) : null;

    /// <summary>The file that declares a symbol and all it imports, each serialised; null where none declares it.</summary>
    /// <param name="symbol">Full name of a service, method, message, field, oneof, enum or enum value, without a leading dot.</param>
    public IReadOnlyList<ByteString>? FileContaining(string symbol) => _symbols.TryGetValue(symbol, out var file) ? WithImports(file) : null;

    /// <summary>Whether a message of this full name is known.</summary>
    public bool HasMessage(string name) => _messages.Contains(name);

    private static List<ByteString> WithImports(FileDescriptor file)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal) { file.Name };
        var order = new List<FileDescriptor> { file };
        for (int i = 0; i < order.Count; i++)
        {
            order.AddRange(order[i].Dependencies.Where(import => seen.Add(import.Name)));
        }

        return [.. order.Select(one => one.SerializedData)];
    }

    private void Add(FileDescriptor file)
    {
        if (!_files.TryAdd(file.Name, file))
        {
            return;
        }

        foreach (var service in file.Services)
        {
            _symbols[service.FullName] = file;
            foreach (var method in service.Methods)
            {
                _symbols[method.FullName] = file;
            }
        }

        foreach (var message in file.MessageTypes)
        {
            Add(message);
        }

        foreach (var type in file.EnumTypes)
        {
            Add(type);
        }

        foreach (var import in file.Dependencies)
        {
            Add(import);
        }
    }

    private void Add(MessageDescriptor message)
    {
        _messages.Add(message.FullName);
        _symbols[message.FullName] = message.File;
        foreach (var field in message.Fields.InDeclarationOrder())
        {
            _symbols[field.FullName] = message.File;
        }

        foreach (var oneof in message.Oneofs)
        {
            _symbols[oneof.FullName] = message.File;
        }

        foreach (var nested in message.NestedTypes)
        {
            Add(nested);
        }

        foreach (var type in message.EnumTypes)
        {
            Add(type);
        }
    }

    private void Add(EnumDescriptor type)
    {
        _symbols[type.FullName] = type.File;

        // A value's name stands beside its type's, not below it.
        string scope = type.FullName[..^type.Name.Length];
        foreach (var value in type.Values)
        {
            _symbols[scope + value.Name] = type.File;
        }
    }
}

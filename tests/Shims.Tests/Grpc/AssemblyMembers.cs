using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Rudder.Shims.Tests.Grpc;

/// <summary>The members an assembly offers to others, and those it takes from another, as comparable lines of text.</summary>
internal sealed class AssemblyMembers : IDisposable
{
    private static readonly SignatureText Text = new();
    private readonly PEReader file;
    private readonly MetadataReader reader;

    public AssemblyMembers(string name)
    {
        file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, name + ".dll")));
        reader = file.GetMetadataReader();
    }

    public void Dispose() => file.Dispose();

    /// <summary>Types and members that other assemblies can see (public, or protected for heirs).</summary>
    public IEnumerable<string> Visible()
    {
        foreach (var handle in reader.TypeDefinitions.Where(IsVisible))
        {
            string type = Text.GetTypeFromDefinition(reader, handle, 0);
            yield return type;
            var definition = reader.GetTypeDefinition(handle);
            bool isDelegate = BaseName(definition) == "System.MulticastDelegate";
            foreach (var method in definition.GetMethods().Select(reader.GetMethodDefinition).Where(m => IsVisible(m.Attributes)))
            {
                string name = reader.GetString(method.Name);
                // The compiler writes these two on every delegate.
                if (!isDelegate || name is not ("BeginInvoke" or "EndInvoke"))
                {
                    yield return Line(type, name, method.DecodeSignature(Text, null));
                }
            }

            foreach (var field in definition.GetFields().Select(reader.GetFieldDefinition).Where(f => IsVisible(f.Attributes)))
            {
                string constant = field.GetDefaultValue().IsNil ? "" : $" = {Constant(field)}";
                yield return $"{type}::{reader.GetString(field.Name)} : {field.DecodeSignature(Text, null)}{constant}";
            }
        }
    }

    /// <summary>Types and members of another assembly that this one's code names.</summary>
    public IEnumerable<string> TakenFrom(string assembly)
    {
        foreach (var handle in reader.TypeReferences.Where(h => ScopeOf(h) == assembly))
        {
            yield return Text.GetTypeFromReference(reader, handle, 0);
        }

        foreach (var member in reader.MemberReferences.Select(reader.GetMemberReference).Where(m => OwnerScope(m.Parent) == assembly))
        {
            string owner = OwnerName(member.Parent);
            yield return member.GetKind() == MemberReferenceKind.Method
                ? Line(owner, reader.GetString(member.Name), member.DecodeMethodSignature(Text, null))
                : $"{owner}::{reader.GetString(member.Name)} : {member.DecodeFieldSignature(Text, null)}";
        }
    }

    /// <summary>Virtual members of another assembly's classes that this one overrides; of a generic class the type arguments would stand in the signature.</summary>
    public IEnumerable<string> OverriddenFrom(string assembly) =>
        from type in reader.TypeDefinitions.Select(reader.GetTypeDefinition)
        where type.BaseType is { IsNil: false, Kind: HandleKind.TypeReference } && OwnerScope(type.BaseType) == assembly
        from method in type.GetMethods().Select(reader.GetMethodDefinition)
        where method.Attributes.HasFlag(MethodAttributes.Virtual) && !method.Attributes.HasFlag(MethodAttributes.NewSlot)
        select Line(OwnerName(type.BaseType), reader.GetString(method.Name), method.DecodeSignature(Text, null));

    private static string Line(string type, string name, MethodSignature<string> signature) =>
        $"{type}::{(signature.Header.IsInstance ? "" : "static ")}{name}({string.Join(", ", signature.ParameterTypes)}) : {signature.ReturnType}";

    private static bool IsVisible(MethodAttributes attributes) =>
        (attributes & MethodAttributes.MemberAccessMask) is MethodAttributes.Public or MethodAttributes.Family or MethodAttributes.FamORAssem;

    private static bool IsVisible(FieldAttributes attributes) =>
        (attributes & FieldAttributes.FieldAccessMask) is FieldAttributes.Public or FieldAttributes.Family or FieldAttributes.FamORAssem;

    private bool IsVisible(TypeDefinitionHandle handle)
    {
        var type = reader.GetTypeDefinition(handle);
        return (type.Attributes & TypeAttributes.VisibilityMask) switch
        {
            TypeAttributes.Public => true,
            TypeAttributes.NestedPublic or TypeAttributes.NestedFamily or TypeAttributes.NestedFamORAssem => IsVisible(type.GetDeclaringType()),
            _ => false,
        };
    }

    private string BaseName(TypeDefinition type) => type.BaseType.IsNil ? "" : OwnerName(type.BaseType);

    private object? Constant(FieldDefinition field)
    {
        var constant = reader.GetConstant(field.GetDefaultValue());
        return reader.GetBlobReader(constant.Value).ReadConstant(constant.TypeCode);
    }

    private string OwnerName(EntityHandle handle) => handle.Kind switch
    {
        HandleKind.TypeReference => Text.GetTypeFromReference(reader, (TypeReferenceHandle)handle, 0),
        HandleKind.TypeDefinition => Text.GetTypeFromDefinition(reader, (TypeDefinitionHandle)handle, 0),
        HandleKind.TypeSpecification => Text.GetTypeFromSpecification(reader, null, (TypeSpecificationHandle)handle, 0).Split('<')[0],
        _ => "",
    };

    private string OwnerScope(EntityHandle handle)
    {
        if (handle.Kind == HandleKind.TypeReference)
        {
            return ScopeOf((TypeReferenceHandle)handle);
        }

        string name = OwnerName(handle);
        return reader.TypeReferences.Where(h => Text.GetTypeFromReference(reader, h, 0) == name).Select(ScopeOf).FirstOrDefault() ?? "";
    }

    private string ScopeOf(TypeReferenceHandle handle)
    {
        var scope = reader.GetTypeReference(handle).ResolutionScope;
        return scope.Kind switch
        {
            HandleKind.AssemblyReference => reader.GetString(reader.GetAssemblyReference((AssemblyReferenceHandle)scope).Name),
            HandleKind.TypeReference => ScopeOf((TypeReferenceHandle)scope),
            _ => "",
        };
    }
}

using System.Globalization;
using System.Reflection;

namespace Rudder.Shims.Tests.Torch;

/// <summary>Writes a type's members the way the listing of the genuine TorchSharp does.</summary>
internal static class ListingText
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    /// <summary>The section title of a type: its name with dots for nesting and, where generic, the number of type arguments.</summary>
    public static string Title(Type type) => (type.FullName ?? type.Name).Replace('+', '.');

    /// <summary>Every member that code outside the assembly can reach and the listing shows: fields, properties and methods.</summary>
    public static IEnumerable<string> Members(Type type)
    {
        foreach (MethodInfo method in type.GetMethods(Declared).Where(m => Reachable(m) && !m.IsSpecialName && !OverridesObject(m)))
        {
            yield return Method(method, method.Name + (method.IsGenericMethod ? "<T>" : ""));
        }

        foreach (PropertyInfo property in type.GetProperties(Declared).Where(p => p.GetIndexParameters().Length == 0 && p.GetAccessors().Length > 0))
        {
            yield return $"{Name(property.PropertyType)} {property.Name} {{{Accessors(property)}}}";
        }

        foreach (FieldInfo field in type.GetFields(Declared).Where(f => f.IsPublic && !f.IsSpecialName))
        {
            yield return $"{Name(field.FieldType)} {field.Name}";
        }
    }

    /// <summary>What the listing never shows: constructors, indexers and operators.</summary>
    public static IEnumerable<string> SpecialMembers(Type type)
    {
        foreach (ConstructorInfo constructor in type.GetConstructors(Declared).Where(Reachable))
        {
            yield return $"{Prefix(constructor)}new({Parameters(constructor)})";
        }

        foreach (PropertyInfo indexer in type.GetProperties(Declared).Where(p => p.GetIndexParameters().Length > 0 && p.GetAccessors().Length > 0))
        {
            yield return $"{Name(indexer.PropertyType)} this[{string.Join(", ", indexer.GetIndexParameters().Select(Parameter))}] {{{Accessors(indexer)}}}";
        }

        foreach (MethodInfo method in type.GetMethods(Declared).Where(m => m.IsPublic && m.Name.StartsWith("op_", StringComparison.Ordinal)))
        {
            yield return Method(method, method.Name);
        }
    }

    private static string Method(MethodInfo method, string name) =>
        $"{Prefix(method)}{(method.IsAbstract ? "abstract " : "")}{Name(method.ReturnType)} {name}({Parameters(method)})";

    private static bool Reachable(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool OverridesObject(MethodInfo method) => method.GetBaseDefinition().DeclaringType == typeof(object);

    private static string Prefix(MethodBase method) =>
        (method.IsPublic ? "" : "protected ") + (method is { IsStatic: true, IsConstructor: false } ? "static " : "");

    private static string Accessors(PropertyInfo property) =>
        (property.GetMethod is { } get && Reachable(get) ? "get;" : "") + (property.SetMethod is { } set && Reachable(set) ? "set;" : "");

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo parameter) =>
        $"{Name(parameter.ParameterType)} {parameter.Name}{(parameter.HasDefaultValue ? " = " + Default(parameter) : "")}";

    private static string Default(ParameterInfo parameter) => parameter.DefaultValue switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        { } value when parameter.ParameterType.IsEnum => Enum.GetName(parameter.ParameterType, value) ?? value.ToString()!,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        { } other => other.ToString()!,
    };

    private static string Name(Type type)
    {
        if (type.IsArray)
        {
            return Name(type.GetElementType()!) + "[]";
        }

        if (Nullable.GetUnderlyingType(type) is { } inner)
        {
            return Name(inner) + "?";
        }

        if (type.IsGenericType)
        {
            // A type nested in a generic one carries the outer arguments without a number in its own name.
            return $"{type.Name.Split('`')[0]}<{string.Join(",", type.GetGenericArguments().Select(Name))}>";
        }

        return Keywords.GetValueOrDefault(type, type.Name);
    }

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void",
        [typeof(bool)] = "bool",
        [typeof(int)] = "int",
        [typeof(long)] = "long",
        [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
    };
}

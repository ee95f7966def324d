using System.Reflection;
using Microsoft.ML.Tokenizers;

namespace Rudder.Checkpoints.Tests;

/// <summary>
/// The members of Microsoft.ML.Tokenizers 2.0.0 that this solution may use. With the genuine package all of them must be there; the stand-in
/// (shims/) must have them and no other, so that nothing can come to depend on a member that the genuine one lacks.
/// </summary>
public class TokenizersPackageTests
{
    // Signatures as in the package's sources at its release (dotnet/machinelearning, src/Microsoft.ML.Tokenizers).
    private static readonly string[] Listed =
    [
        "BpeOptions..ctor(IEnumerable<KeyValuePair<String,Int32>>)",
        "BpeOptions.get_ByteLevel():Boolean",
        "BpeOptions.get_Merges():IEnumerable<String>",
        "BpeOptions.get_PreTokenizer():PreTokenizer",
        "BpeOptions.get_Vocabulary():IEnumerable<KeyValuePair<String,Int32>>",
        "BpeOptions.set_ByteLevel(Boolean):Void",
        "BpeOptions.set_Merges(IEnumerable<String>):Void",
        "BpeOptions.set_PreTokenizer(PreTokenizer):Void",
        "BpeTokenizer.Create(BpeOptions):BpeTokenizer",
        "BpeTokenizer.Decode(IEnumerable<Int32>):String",
        "BpeTokenizer.get_ByteLevel():Boolean",
        "BpeTokenizer.get_PreTokenizer():PreTokenizer",
        "BpeTokenizer.get_Vocabulary():IReadOnlyDictionary<String,Int32>",
        "EncodedToken..ctor(Int32,String,Range)",
        "EncodedToken.get_Id():Int32",
        "EncodedToken.get_Offset():Range",
        "EncodedToken.get_Value():String",
        "PreTokenizer..ctor()",
        "PreTokenizer.PreTokenize(ReadOnlySpan<Char>):IEnumerable<ValueTuple<Int32,Int32>>",
        "PreTokenizer.PreTokenize(String):IEnumerable<ValueTuple<Int32,Int32>>",
        "Tokenizer..ctor()",
        "Tokenizer.CountTokens(String,Boolean,Boolean):Int32",
        "Tokenizer.Decode(IEnumerable<Int32>):String",
        "Tokenizer.EncodeToIds(String,Boolean,Boolean):IReadOnlyList<Int32>",
        "Tokenizer.EncodeToTokens(String,String&,Boolean,Boolean):IReadOnlyList<EncodedToken>",
        "Tokenizer.get_PreTokenizer():PreTokenizer",
    ];

    [Fact]
    public void PublicMembers_OfThePackageInUse_AreTheListedOnes()
    {
        var assembly = typeof(BpeTokenizer).Assembly;
        string[] found = [.. assembly.GetExportedTypes().SelectMany(Members).Order(StringComparer.Ordinal)];
        bool standIn = !assembly.GetCustomAttributes<AssemblyCompanyAttribute>().Any(a => a.Company.Contains("Microsoft", StringComparison.Ordinal));

        Assert.Equal(Listed, standIn ? found : found.Intersect(Listed));
    }

    [Fact]
    public void EncodeToTokens_WordsOfSeveralBytes_GivesTheirCharacters()
    {
        var bytes = Enumerable.Range(0, 256).ToDictionary(b => ByteAlphabet.Spell((byte)b).ToString(), b => b);
        bytes["Ã©"] = 256;
        var tokenizer = BpeTokenizer.Create(new BpeOptions(bytes)
        {
            Merges = ["Ã ©"],
            ByteLevel = true,
            PreTokenizer = Gpt2PreTokenizer.Instance,
        });

        var tokens = tokenizer.EncodeToTokens("né ü", out string? normalized);

        Assert.Null(normalized);
        Assert.Equal([(110, "n", 0..1), (256, "Ã©", 1..2), (32, "Ġ", 2..3), (0xC3, "Ã", 3..4), (0xBC, "¼", 3..4)], tokens.Select(t => (t.Id, t.Value, t.Offset)));
        Assert.Equal(5, tokenizer.CountTokens("né ü"));
        Assert.Equal("né ü", tokenizer.Decode(tokenizer.EncodeToIds("né ü")));
    }

    private static IEnumerable<string> Members(Type type) => type
        .GetMembers(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
        .OfType<MethodBase>()
        .Where(m => m.IsPublic || m.IsFamily || m.IsFamilyOrAssembly)
        .Select(m => $"{type.Name}.{m.Name}({string.Join(',', m.GetParameters().Select(p => Show(p.ParameterType)))}){(m is MethodInfo method ? ":" + Show(method.ReturnType) : "")}");

    private static string Show(Type type) => type.IsGenericType
        ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(',', type.GetGenericArguments().Select(Show))}>"
        : type.Name;
}

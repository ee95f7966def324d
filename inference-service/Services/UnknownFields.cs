using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Rudder.InferenceService.Services;

/// <summary>Finds fields that a message carries and its type does not know: settings that would be ignored without a word.</summary>
internal static class UnknownFields
{
    /// <summary>The first unknown field as <c>path.field 17</c>, or null.</summary>
    public static string? FirstIn(IMessage message) => FirstIn(message.ToByteArray(), message.Descriptor, "");

    // The runtime keeps unknown fields but does not show them, so the bytes are read once more.
    private static string? FirstIn(byte[] bytes, MessageDescriptor type, string path)
    {
        var input = new CodedInputStream(bytes);
        var counts = new Dictionary<int, int>();
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            int number = WireFormat.GetTagFieldNumber(tag);
            var field = type.FindFieldByNumber(number);
            if (field is null)
            {
                return $"{path}field {number}";
            }

            if (field.FieldType != FieldType.Message)
            {
                input.SkipLastField();
                continue;
            }

            int index = counts[number] = counts.GetValueOrDefault(number, -1) + 1;
            string name = field.IsRepeated ? $"{path}{field.Name}[{index}]." : $"{path}{field.Name}.";
            if (FirstIn(input.ReadBytes().ToByteArray(), field.MessageType, name) is { } found)
            {
                return found;
            }
        }

        return null;
    }
}
